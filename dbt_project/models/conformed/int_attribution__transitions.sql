with converting as (
    select
        order_key as path_key,
        marketing_channel,
        touch_number,
        touch_count,
        '(conversion)' as outcome
    from {{ ref('int_attribution__paths') }}
    where is_first_order
),

not_converting as (
    select
        customer_key as path_key,
        marketing_channel,
        touch_number,
        touch_count,
        '(null)' as outcome
    from {{ ref('int_attribution__null_paths') }}
),

paths as (
    select * from converting
    union all
    select * from not_converting
),

steps as (
    select
        *,
        lag(marketing_channel) over (partition by path_key, outcome order by touch_number) as previous_channel
    from paths
),

transitions as (
    select
        coalesce(previous_channel, '(start)') as from_channel,
        marketing_channel as to_channel
    from steps
    union all
    select
        marketing_channel as from_channel,
        outcome as to_channel
    from steps
    where touch_number = touch_count
),

final as (
    select
        from_channel,
        to_channel,
        cast(count(*) as bigint) as transition_count
    from transitions
    group by from_channel, to_channel
)

select * from final

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

buyers as (
    select distinct customer_key
    from {{ ref('fct_orders') }}
    where is_counted and customer_key is not null
),

touches_without_order as (
    select
        touches.touch_key,
        touches.customer_key,
        touches.source_table,
        touches.touch_id,
        touches.marketing_channel,
        touches.occurred_at,
        {{ epoch_microseconds('touches.occurred_at') }} as occurred_us
    from {{ ref('fct_touches') }} as touches
    left join buyers on buyers.customer_key = touches.customer_key
    where touches.is_attributable and touches.customer_key is not null and buyers.customer_key is null
),

last_touches as (
    select
        *,
        max(occurred_us) over (partition by customer_key) as last_occurred_us
    from touches_without_order
),

not_converting as (
    select
        customer_key as path_key,
        marketing_channel,
        row_number() over (partition by customer_key order by occurred_at, source_table, touch_id, touch_key) as touch_number,
        count(*) over (partition by customer_key) as touch_count,
        '(null)' as outcome
    from last_touches
    where occurred_us >= last_occurred_us - {{ attribution_window_microseconds() }}
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

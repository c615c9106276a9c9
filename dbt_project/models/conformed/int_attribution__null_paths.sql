with buyers as (
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
        touches.occurred_date,
        {{ epoch_microseconds('touches.occurred_at') }} as occurred_us
    from {{ ref('fct_touches') }} as touches
    left join buyers on buyers.customer_key = touches.customer_key
    where touches.is_attributable and touches.customer_key is not null and buyers.customer_key is null
),

last_touches as (
    select
        *,
        max(occurred_us) over (partition by customer_key) as last_occurred_us,
        max(occurred_date) over (partition by customer_key) as last_occurred_date
    from touches_without_order
),

final as (
    select
        customer_key,
        marketing_channel,
        cast(row_number() over (
            partition by customer_key order by occurred_at, source_table, touch_id, touch_key
        ) as bigint) as touch_number,
        cast(count(*) over (partition by customer_key) as bigint) as touch_count,
        cast({{ dbt.date_trunc('month', 'last_occurred_date') }} as date) as touched_month
    from last_touches
    where occurred_us >= last_occurred_us - {{ attribution_window_microseconds() }}
)

select * from final

with order_days as (
    select
        customer_key,
        ordered_date,
        count(*) as order_count
    from {{ ref('fct_orders') }}
    where is_counted and customer_key is not null
    group by customer_key, ordered_date
),

neighbours as (
    select
        *,
        lag(ordered_date) over (partition by customer_key order by ordered_date) as previous_ordered_date,
        lead(ordered_date) over (partition by customer_key order by ordered_date) as next_ordered_date
    from order_days
),

final as (
    select
        customer_key,
        cast(order_count as bigint) as order_count,
        cast({{ dbt.datediff('previous_ordered_date', 'ordered_date', 'day') }} as bigint) as days_since_previous_order,
        ordered_date,
        previous_ordered_date,
        next_ordered_date
    from neighbours
)

select * from final

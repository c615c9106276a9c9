-- dim_customers says of every customer what fct_orders says, and every customer has exactly one first order.
with orders as (
    select
        customer_key,
        count(*) as counted_order_count,
        sum(case when is_first_order then 1 else 0 end) as first_order_count,
        max(customer_order_number) as last_order_number,
        min(ordered_at) as acquired_at,
        max(ordered_at) as last_ordered_at
    from {{ ref('fct_orders') }}
    where is_counted and customer_key is not null
    group by customer_key
),

final as (
    select
        customers.customer_key as dimension_key,
        orders.customer_key as fact_key
    from {{ ref('dim_customers') }} as customers
    full outer join orders
        on orders.customer_key = customers.customer_key
    where customers.customer_key is null
        or customers.counted_order_count <> coalesce(orders.counted_order_count, 0)
        or customers.is_customer <> (orders.customer_key is not null)
        or orders.first_order_count <> 1
        or orders.last_order_number <> orders.counted_order_count
        or customers.acquired_at <> orders.acquired_at
        or customers.last_ordered_at <> orders.last_ordered_at
        or (customers.lifecycle_stage = 'prospect') = customers.is_customer
)

select * from final

-- Orders with their customers; an order that names nobody usable has none (the anonymous bucket).
with orders as (
    select * from {{ ref('int_orders__unioned') }}
),

final as (
    select
        orders.*,
        {{ attached_customer_key('orders') }} as customer_key
    from orders
    {{- attach_customer_joins('orders') }}
)

select * from final

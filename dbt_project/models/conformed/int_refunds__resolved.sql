-- Refunds with their customers; one that names nobody usable is its order's customer's.
with refunds as (
    select * from {{ ref('int_refunds__unioned') }}
),

orders as (
    select * from {{ ref('int_orders__resolved') }}
),

final as (
    select
        refunds.*,
        coalesce({{ attached_customer_key('refunds') }}, orders.customer_key) as customer_key
    from refunds
    left join orders
        on orders.id_namespace = refunds.id_namespace
        and orders.order_id = refunds.order_id
    {{- attach_customer_joins('refunds') }}
)

select * from final

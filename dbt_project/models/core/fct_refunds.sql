-- Every refund, by its own date and by its order's (metrics.md, Refunds). Only rows with is_counted enter a metric.
with refunds as (
    select * from {{ ref('int_refunds__priced') }}
),

orders as (
    select
        order_key,
        is_counted
    from {{ ref('fct_orders') }}
),

first_orders as (
    select
        customer_key,
        ordered_at as acquired_at
    from {{ ref('fct_orders') }}
    where is_first_order
),

final as (
    select
        refunds.refund_key,
        refunds.order_key,
        refunds.customer_key,
        refunds.source_system,
        refunds.refund_id,
        refunds.source_channel,
        refunds.currency_code,
        refunds.reason,
        refunds.exchange_rate,
        refunds.refund_amount,
        refunds.refund_amount_local,
        refunds.tax_amount,
        refunds.shipping_amount,
        refunds.is_matched,
        refunds.order_key is null or coalesce(orders.is_counted, false) as is_counted,
        refunds.is_matched and refunds.exchange_rate is null as is_rate_missing,
        refunds.order_key is null and coalesce(refunds.refunded_at < first_orders.acquired_at, false)
            as precedes_first_order,
        refunds.refunded_date,
        refunds.ordered_date,
        refunds.refunded_at
    from refunds
    left join orders
        on orders.order_key = refunds.order_key
    left join first_orders
        on first_orders.customer_key = refunds.customer_key
)

select * from final

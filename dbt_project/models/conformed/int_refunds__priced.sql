{{ config(materialized='view') }}

-- A refund goes by the rate of its order's day, so that a full refund nets to exactly zero; one that names no order
-- by its own day. While the order it names is unknown it has no rate and waits.
with refunds as (
    select
        *,
        {{ surrogate_key(['id_namespace', 'order_id']) }} as order_key
    from {{ ref('int_refunds__resolved') }}
),

orders as (
    select
        {{ surrogate_key(['id_namespace', 'order_id']) }} as order_key,
        source_channel,
        {{ business_date('ordered_at') }} as ordered_date
    from {{ ref('int_orders__resolved') }}
),

dated as (
    select
        refunds.*,
        orders.source_channel,
        orders.order_key is not null or refunds.order_key is null as is_matched,
        {{ business_date('refunds.refunded_at') }} as refunded_date,
        case when refunds.order_key is null then {{ business_date('refunds.refunded_at') }} else orders.ordered_date end
            as ordered_date
    from refunds
    left join orders
        on orders.order_key = refunds.order_key
),

rated as (
    select
        dated.*,
        case when dated.is_matched then {{ exchange_rate('dated.currency_code', 'rates.exchange_rate') }} end
            as exchange_rate
    from dated
    left join {{ ref('int_exchange_rates__daily') }} as rates
        on rates.rate_date = dated.ordered_date
        and rates.currency_code = dated.currency_code
),

final as (
    select
        {{ surrogate_key(['id_namespace', 'refund_id']) }} as refund_key,
        order_key,
        customer_key,
        source_system,
        id_namespace,
        refund_id,
        source_channel,
        currency_code,
        reason,
        exchange_rate,
        amount as refund_amount_local,
        {{ to_reporting('amount', 'exchange_rate') }} as refund_amount,
        {{ to_reporting('tax_amount', 'exchange_rate') }} as tax_amount,
        {{ to_reporting('shipping_amount', 'exchange_rate') }} as shipping_amount,
        is_matched,
        refunded_date,
        ordered_date,
        refunded_at
    from rated
)

select * from final

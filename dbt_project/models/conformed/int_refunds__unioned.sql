{{ config(materialized='view') }}

with unioned as (
    {{ staging_union('refunds', 'ecommerce', 'refunds') }}
),

final as (
    select
        unioned.source_system,
        unioned.id_namespace,
        unioned.refund_id,
        unioned.order_id,
        unioned.customer_id,
        unioned.email,
        unioned.refunded_at,
        unioned.amount,
        unioned.tax_amount,
        unioned.shipping_amount,
        upper(trim(unioned.currency_code)) as currency_code,
        unioned.reason,
        unioned.updated_at
    from unioned
    where not coalesce(unioned.is_deleted, false)
)

select * from final

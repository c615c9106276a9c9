{{ config(materialized='view') }}

with unioned as (
    {{ staging_union('orders', 'ecommerce', 'orders') }}
),

statuses as (
    {{ value_map('map_order_statuses', 'order_status') }}
),

final as (
    select
        unioned.source_system,
        unioned.id_namespace,
        unioned.order_id,
        unioned.customer_id,
        unioned.email,
        unioned.ordered_at,
        coalesce(statuses.order_status, 'unmapped') as order_status,
        upper(trim(unioned.currency_code)) as currency_code,
        unioned.discount_amount,
        unioned.shipping_amount,
        unioned.tax_amount,
        unioned.total_amount,
        unioned.source_channel,
        unioned.utm_source,
        unioned.utm_medium,
        unioned.utm_campaign,
        {{ utm_channel('unioned') }} as utm_marketing_channel,
        coalesce(unioned.is_test, false) as is_test,
        unioned.cancelled_at,
        unioned.updated_at
    from unioned
    left join statuses
        on statuses.vendor_value = lower(trim(unioned.status))
    {{ utm_channel_joins('unioned') }}
    where not coalesce(unioned.is_deleted, false)
)

select * from final

with source as (
    select * from {{ source('ecommerce', 'orders') }}
),

renamed as (
    select
        'ecommerce' as source_system,
        'generic' as id_namespace,
        order_id,
        customer_id,
        email,
        ordered_at,
        status,
        currency_code,
        discount_amount,
        shipping_amount,
        tax_amount,
        total_amount,
        source_channel,
        utm_source,
        utm_medium,
        utm_campaign,
        is_test,
        cancelled_at,
        updated_at,
        coalesce(is_deleted, false) as is_deleted
    from source
)

select * from renamed

with source as (
    select * from {{ source('ecommerce', 'refunds') }}
),

renamed as (
    select
        'ecommerce' as source_system,
        'generic' as id_namespace,
        refund_id,
        order_id,
        customer_id,
        email,
        refunded_at,
        amount,
        tax_amount,
        shipping_amount,
        currency_code,
        reason,
        updated_at,
        coalesce(is_deleted, false) as is_deleted
    from source
)

select * from renamed

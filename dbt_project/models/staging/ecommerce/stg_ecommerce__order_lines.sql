with source as (
    select * from {{ source('ecommerce', 'order_lines') }}
),

renamed as (
    select
        'ecommerce' as source_system,
        'generic' as id_namespace,
        order_id,
        line_number,
        product_id,
        product_category,
        quantity,
        unit_price_amount,
        discount_amount,
        unit_cost_amount,
        line_type,
        updated_at,
        coalesce(is_deleted, false) as is_deleted
    from source
)

select * from renamed

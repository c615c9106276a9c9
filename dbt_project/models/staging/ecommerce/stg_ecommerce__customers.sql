with source as (
    select * from {{ source('ecommerce', 'customers') }}
),

renamed as (
    select
        'ecommerce' as source_system,
        'generic' as id_namespace,
        customer_id,
        email,
        phone,
        first_name,
        last_name,
        street_address,
        postal_code,
        city,
        date_of_birth,
        country_code,
        accepts_marketing,
        referrer_customer_id,
        created_at,
        updated_at,
        coalesce(is_deleted, false) as is_deleted
    from source
)

select * from renamed

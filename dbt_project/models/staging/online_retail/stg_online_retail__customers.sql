with source as (
    select * from {{ source('online_retail', 'accounts') }}
),

renamed as (
    select
        'online_retail' as source_system,
        'online_retail' as id_namespace,
        customer_id,
        email,
        phone,
        first_name,
        last_name,
        country_code,
        accepts_marketing,
        referrer_customer_id,
        created_at,
        updated_at,
        coalesce(is_deleted, false) as is_deleted
    from source
)

select * from renamed

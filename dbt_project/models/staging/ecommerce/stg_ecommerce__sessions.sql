with source as (
    select * from {{ source('ecommerce', 'sessions') }}
),

renamed as (
    select
        'ecommerce' as source_system,
        'generic' as id_namespace,
        session_id,
        customer_id,
        email,
        started_at,
        utm_source,
        utm_medium,
        utm_campaign,
        referrer,
        landing_page,
        has_order,
        coalesce(is_deleted, false) as is_deleted
    from source
)

select * from renamed

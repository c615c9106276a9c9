with source as (
    select * from {{ source('marketing', 'touchpoints') }}
),

renamed as (
    select
        'marketing' as source_system,
        'generic' as id_namespace,
        touchpoint_id,
        email,
        contact_id,
        customer_id,
        occurred_at,
        marketing_channel,
        campaign_id,
        kind,
        coalesce(is_deleted, false) as is_deleted
    from source
)

select * from renamed

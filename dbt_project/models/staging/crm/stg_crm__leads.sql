with source as (
    select * from {{ source('crm', 'leads') }}
),

renamed as (
    select
        'crm' as source_system,
        'generic' as id_namespace,
        lead_id,
        contact_id,
        email,
        phone,
        lead_source,
        campaign_id,
        status,
        created_at,
        qualified_at,
        converted_at,
        converted_contact_id,
        opportunity_id,
        updated_at,
        coalesce(is_deleted, false) as is_deleted
    from source
)

select * from renamed

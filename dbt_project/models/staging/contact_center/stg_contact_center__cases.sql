with source as (
    select * from {{ source('contact_center', 'cases') }}
),

renamed as (
    select
        'contact_center' as source_system,
        'generic' as id_namespace,
        case_id,
        contact_id,
        customer_email,
        contact_reason,
        priority,
        status,
        opened_at,
        first_responded_at,
        resolved_at,
        reopened_count,
        updated_at,
        coalesce(is_deleted, false) as is_deleted
    from source
)

select * from renamed

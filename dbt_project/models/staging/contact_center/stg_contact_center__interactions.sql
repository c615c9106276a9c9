with source as (
    select * from {{ source('contact_center', 'interactions') }}
),

renamed as (
    select
        'contact_center' as source_system,
        'generic' as id_namespace,
        interaction_id,
        case_id,
        channel,
        direction,
        contact_id,
        customer_email,
        customer_phone,
        queue,
        contact_reason,
        agent_id,
        started_at,
        answered_at,
        ended_at,
        queue_seconds,
        talk_seconds,
        hold_seconds,
        after_contact_work_seconds,
        transfer_count,
        is_abandoned,
        disposition,
        updated_at,
        coalesce(is_deleted, false) as is_deleted
    from source
)

select * from renamed

with source as (
    select * from {{ source('contact_center', 'agents') }}
),

renamed as (
    select
        'contact_center' as source_system,
        'generic' as id_namespace,
        agent_id,
        valid_from,
        team,
        role,
        hourly_cost_amount,
        currency_code,
        coalesce(is_deleted, false) as is_deleted
    from source
)

select * from renamed

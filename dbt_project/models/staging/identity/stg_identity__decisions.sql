with source as (
    select * from {{ source('identity', 'decisions') }}
),

renamed as (
    select
        'identity' as source_system,
        'generic' as id_namespace,
        left_source_system,
        left_source_table,
        left_source_id,
        right_source_system,
        right_source_table,
        right_source_id,
        decision,
        decided_by,
        note,
        _extract_date as extract_date,
        _revision as revision,
        coalesce(is_deleted, false) as is_deleted
    from source
)

select * from renamed

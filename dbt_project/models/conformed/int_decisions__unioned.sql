{{ config(materialized='view') }}

with unioned as (
    {{ staging_union('decisions', 'identity', 'decisions', {'extract_date': 'date', 'revision': 'bigint'}) }}
),

-- Who decided and why stays in raw data. Deleted rows stay here: they take back what an earlier row said.
final as (
    select
        unioned.source_system,
        unioned.id_namespace,
        unioned.left_source_system,
        unioned.left_source_table,
        unioned.left_source_id,
        unioned.right_source_system,
        unioned.right_source_table,
        unioned.right_source_id,
        lower(trim(unioned.decision)) as decision,
        unioned.extract_date,
        unioned.revision,
        coalesce(unioned.is_deleted, false) as is_deleted
    from unioned
)

select * from final

{{ config(materialized='view') }}

with unioned as (
    {{ staging_union('accounts', 'crm', 'accounts') }}
),

final as (
    select
        unioned.source_system,
        unioned.id_namespace,
        unioned.account_id,
        unioned.name,
        unioned.parent_account_id,
        unioned.country_code,
        unioned.created_at,
        unioned.updated_at
    from unioned
    where not coalesce(unioned.is_deleted, false)
)

select * from final

{{ config(materialized='view') }}

with unioned as (
    {{ staging_union('agents', 'contact_center', 'agents') }}
),

final as (
    select
        unioned.source_system,
        unioned.id_namespace,
        unioned.agent_id,
        unioned.valid_from,
        unioned.team,
        unioned.role,
        unioned.hourly_cost_amount,
        upper(trim(unioned.currency_code)) as currency_code
    from unioned
    where not coalesce(unioned.is_deleted, false)
)

select * from final

{{ config(materialized='view') }}

with unioned as (
    {{ staging_union('opportunities', 'crm', 'opportunities') }}
),

final as (
    select
        unioned.source_system,
        unioned.id_namespace,
        unioned.opportunity_id,
        unioned.account_id,
        unioned.contact_id,
        unioned.lead_id,
        unioned.stage,
        unioned.amount,
        upper(trim(unioned.currency_code)) as currency_code,
        unioned.is_won,
        unioned.created_at,
        unioned.closed_at,
        unioned.updated_at
    from unioned
    where not coalesce(unioned.is_deleted, false)
)

select * from final

{{ config(materialized='view') }}

with unioned as (
    {{ staging_union('cases', 'contact_center', 'cases') }}
),

priorities as (
    {{ value_map('map_case_priorities', 'case_priority') }}
),

statuses as (
    {{ value_map('map_case_statuses', 'case_status') }}
),

final as (
    select
        unioned.source_system,
        unioned.id_namespace,
        unioned.case_id,
        unioned.contact_id,
        unioned.customer_email,
        unioned.contact_reason,
        case when unioned.priority is not null then coalesce(priorities.case_priority, 'unmapped') end as case_priority,
        coalesce(statuses.case_status, 'unmapped') as case_status,
        unioned.opened_at,
        unioned.first_responded_at,
        unioned.resolved_at,
        unioned.reopened_count,
        unioned.updated_at
    from unioned
    left join priorities
        on priorities.vendor_value = lower(trim(unioned.priority))
    left join statuses
        on statuses.vendor_value = lower(trim(unioned.status))
    where not coalesce(unioned.is_deleted, false)
)

select * from final

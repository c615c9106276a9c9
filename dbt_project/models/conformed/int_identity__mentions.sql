-- The values by which event rows attach, each once, with the first event that attaches by it: what orchestration/identity.py
-- reads in place of every event. An id always decides, so the e-mail beside it attaches nothing and is not here.
-- A phone decides when the e-mail beside it turns out to be shared, and never stands for a person: it has no event.
with events as (
    select * from {{ ref('int_identity__event_references') }}
),

deciding as (
    select
        case
            when events.customer_id is not null then 'customer_id'
            when events.contact_id is not null then 'contact_id'
            when events.lead_id is not null then 'lead_id'
            else 'email'
        end as identifier_kind,
        case
            when coalesce(events.customer_id, events.contact_id, events.lead_id) is not null then events.id_namespace
            else ''
        end as identifier_namespace,
        coalesce(events.customer_id, events.contact_id, events.lead_id, events.email) as identifier_value,
        events.source_system,
        events.source_table,
        events.event_id,
        events.id_namespace as event_namespace,
        events.occurred_at
    from events
    where coalesce(events.customer_id, events.contact_id, events.lead_id, events.email) is not null
),

ranked as (
    select
        *,
        row_number() over (
            partition by identifier_kind, identifier_namespace, identifier_value
            order by occurred_at nulls last, source_system, source_table, event_id
        ) as event_number
    from deciding
),

phones as (
    select distinct events.phone
    from events
    where events.phone is not null
        and coalesce(events.customer_id, events.contact_id, events.lead_id) is null
),

final as (
    select
        identifier_kind,
        identifier_namespace as id_namespace,
        identifier_value,
        source_system,
        source_table,
        event_id,
        event_namespace,
        occurred_at
    from ranked
    where event_number = 1
    union all
    select
        'phone' as identifier_kind,
        '' as id_namespace,
        phone as identifier_value,
        cast(null as {{ dbt.type_string() }}) as source_system,
        cast(null as {{ dbt.type_string() }}) as source_table,
        cast(null as {{ dbt.type_string() }}) as event_id,
        cast(null as {{ dbt.type_string() }}) as event_namespace,
        cast(null as {{ dbt.type_timestamp() }}) as occurred_at
    from phones
)

select * from final

-- Keys that were published once, and the key that stands for the same person now. A retired key is the hash of one
-- member; wherever that record or event belongs today, its customer has replaced it.
with retired as (
    select retired_customer_keys.*
    from {{ source('identity_output', 'retired_customer_keys') }} as retired_customer_keys
),

events as (
    select event_references.*
    from {{ ref('int_identity__event_references') }} as event_references
    inner join retired
        on retired.source_system = event_references.source_system
        and retired.source_table = event_references.source_table
        and retired.source_id = event_references.event_id
),

members as (
    select
        source_system,
        source_table,
        source_id,
        customer_key
    from {{ source('identity_output', 'customer_identities') }}
    union all
    select
        events.source_system,
        events.source_table,
        events.event_id as source_id,
        {{ attached_customer_key('events') }} as customer_key
    from events
    {{- attach_customer_joins('events') }}
),

final as (
    select
        retired.old_customer_key,
        min(members.customer_key) as new_customer_key,
        retired.since_snapshot_id
    from retired
    inner join members
        on members.source_system = retired.source_system
        and members.source_table = retired.source_table
        and members.source_id = retired.source_id
    where members.customer_key is not null
    group by retired.old_customer_key, retired.since_snapshot_id
)

select * from final

-- What a person should look at about who is who, one row per finding and record that stands for it; never a value,
-- and no id that is an address.
{% set no_text = 'cast(null as ' ~ dbt.type_string() ~ ')' %}
{% set no_count = 'cast(null as ' ~ dbt.type_bigint() ~ ')' %}
with records as (
    select
        source_system,
        'contacts' as source_table,
        contact_id as source_id,
        id_namespace,
        'contact_id' as id_kind,
        not is_deleted or coalesce(trim(merged_into_contact_id), '') <> '' as is_linking
    from {{ ref('int_contacts__unioned') }}
    union all
    select
        source_system,
        'leads' as source_table,
        lead_id as source_id,
        id_namespace,
        'lead_id' as id_kind,
        not is_deleted as is_linking
    from {{ ref('int_leads__unioned') }}
    union all
    select
        source_system,
        'customers' as source_table,
        customer_id as source_id,
        id_namespace,
        'customer_id' as id_kind,
        not is_deleted as is_linking
    from {{ ref('int_customers__unioned') }}
),

identities as (
    select * from {{ source('identity_output', 'customer_identities') }}
),

delivered as (
    select distinct
        id_namespace,
        id_kind
    from records
),

contact_ids as (
    select distinct
        id_namespace,
        source_id
    from records
    where id_kind = 'contact_id'
),

named_contacts as (
    select
        source_system,
        'contacts' as source_table,
        contact_id as source_id,
        id_namespace,
        'merge_target' as evidence_kind,
        trim(merged_into_contact_id) as named_id
    from {{ ref('int_contacts__unioned') }}
    {%- for column in ['contact_id', 'converted_contact_id'] %}
    union all
    select
        source_system,
        'leads' as source_table,
        lead_id as source_id,
        id_namespace,
        'lead_contact' as evidence_kind,
        trim({{ column }}) as named_id
    from {{ ref('int_leads__unioned') }}
    where not is_deleted
    {%- endfor %}
),

-- A pair goes by a hash of its records, but by none when an id could be an address.
named_pairs as (
    select
        *,
        least(left_name, right_name) as first_name_of_pair,
        case when left_name || right_name not like '%@%' then greatest(left_name, right_name) end as second_name_of_pair
    from (
        select
            *,
            left_source_system || ' ' || left_source_table || ' ' || left_source_id as left_name,
            right_source_system || ' ' || right_source_table || ' ' || right_source_id as right_name
        from {{ ref('int_identity__judged_pairs') }}
    ) as pairs
),

judged_pairs as (
    select
        pairs.*,
        {{ surrogate_key(['pairs.first_name_of_pair', 'pairs.second_name_of_pair']) }} as pair_key,
        {%- for side in ['left', 'right'] %}
        coalesce({{ side }}_record.source_id, {{ side }}_identity.source_id) is not null as is_{{ side }}_known,
        coalesce({{ side }}_record.is_linking, {{ side }}_identity.source_id is not null) as is_{{ side }}_linking,
        {{ side }}_identity.customer_key as {{ side }}_customer_key{{ ',' if not loop.last }}
        {%- endfor %}
    from named_pairs as pairs
    {%- for side in ['left', 'right'] %}
    left join records as {{ side }}_record
        on {{ side }}_record.source_system = pairs.{{ side }}_source_system
        and {{ side }}_record.source_table = pairs.{{ side }}_source_table
        and {{ side }}_record.source_id = pairs.{{ side }}_source_id
    left join identities as {{ side }}_identity
        on {{ side }}_identity.source_system = pairs.{{ side }}_source_system
        and {{ side }}_identity.source_table = pairs.{{ side }}_source_table
        and {{ side }}_identity.source_id = pairs.{{ side }}_source_id
    {%- endfor %}
),

found as (
    select
        'shared_identifier' as finding_type,
        {{ no_text }} as customer_key,
        {{ no_text }} as source_system,
        {{ no_text }} as source_table,
        {{ no_text }} as source_id,
        identifier_kind as evidence_kind,
        'guarded-' || identifier_hash as evidence_key,
        record_count,
        given_name_count
    from {{ source('identity_output', 'shared_identifiers') }}
    union all
    select
        finding_type,
        {{ no_text }} as customer_key,
        source_system,
        source_table,
        source_id,
        evidence_kind,
        evidence_key,
        record_count,
        given_name_count
    from {{ source('identity_output', 'identity_findings') }}
    union all
    select
        'lead_conflict' as finding_type,
        {{ no_text }} as customer_key,
        source_system,
        'leads' as source_table,
        lead_id as source_id,
        'lead_contact' as evidence_kind,
        {{ no_text }} as evidence_key,
        {{ no_count }} as record_count,
        {{ no_count }} as given_name_count
    from {{ ref('int_leads__unioned') }}
    where not is_deleted
        and trim(contact_id) <> ''
        and trim(converted_contact_id) <> ''
        and trim(contact_id) <> trim(converted_contact_id)
    union all
    -- Where nothing of a kind is delivered, its ids are no orphans: the table is not there.
    select distinct
        'orphan_target' as finding_type,
        {{ no_text }} as customer_key,
        named_contacts.source_system,
        named_contacts.source_table,
        named_contacts.source_id,
        named_contacts.evidence_kind,
        {{ no_text }} as evidence_key,
        {{ no_count }} as record_count,
        {{ no_count }} as given_name_count
    from named_contacts
    inner join delivered
        on delivered.id_namespace = named_contacts.id_namespace
        and delivered.id_kind = 'contact_id'
    left join contact_ids
        on contact_ids.id_namespace = named_contacts.id_namespace
        and contact_ids.source_id = named_contacts.named_id
    where named_contacts.named_id <> ''
        and contact_ids.source_id is null
    union all
    select
        'orphan_mention' as finding_type,
        identities.customer_key,
        identities.source_system,
        identities.source_table,
        identities.source_id,
        identities.evidence_kind,
        {{ no_text }} as evidence_key,
        {{ no_count }} as record_count,
        {{ no_count }} as given_name_count
    from identities
    inner join delivered
        on delivered.id_namespace = identities.id_namespace
        and delivered.id_kind = identities.evidence_kind
    where identities.match_rule = 'guest'
    union all
    -- The known side only: what a person typed for the other one may be anything.
    select
        'orphan_decision' as finding_type,
        {{ no_text }} as customer_key,
        case when is_left_known then left_source_system when is_right_known then right_source_system end as source_system,
        case when is_left_known then left_source_table when is_right_known then right_source_table end as source_table,
        case when is_left_known then left_source_id when is_right_known then right_source_id end as source_id,
        'decision' as evidence_kind,
        'decision-' || pair_key as evidence_key,
        {{ no_count }} as record_count,
        {{ no_count }} as given_name_count
    from judged_pairs
    where not (is_left_known and is_right_known)
    {%- for side in ['left', 'right'] %}
    union all
    select
        'contradiction' as finding_type,
        {{ side }}_customer_key as customer_key,
        {{ side }}_source_system as source_system,
        {{ side }}_source_table as source_table,
        {{ side }}_source_id as source_id,
        'decision' as evidence_kind,
        'decision-' || pair_key as evidence_key,
        cast(2 as {{ dbt.type_bigint() }}) as record_count,
        {{ no_count }} as given_name_count
    from judged_pairs
    where verdict = 'same'
        and is_left_linking
        and is_right_linking
        and left_customer_key <> right_customer_key
    {%- endfor %}
    union all
    select
        'large_customer' as finding_type,
        customer_key,
        {{ no_text }} as source_system,
        {{ no_text }} as source_table,
        {{ no_text }} as source_id,
        {{ no_text }} as evidence_kind,
        {{ no_text }} as evidence_key,
        record_count,
        {{ no_count }} as given_name_count
    from {{ source('identity_output', 'customers') }}
    where record_count > {{ setting('max_records_per_customer') }}
),

final as (
    select
        found.finding_type,
        coalesce(found.customer_key, identities.customer_key) as customer_key,
        found.source_system,
        found.source_table,
        case when found.source_id not like '%@%' then found.source_id end as source_id,
        found.evidence_kind,
        found.evidence_key,
        found.record_count,
        found.given_name_count
    from found
    left join identities
        on identities.source_system = found.source_system
        and identities.source_table = found.source_table
        and identities.source_id = found.source_id
)

select * from final

-- Why the members of a customer are one: each with each piece of evidence that it shares with another member, that is
-- guarded, or that a decision cut. Never a value.
with links as (
    select
        *,
        coalesce(since_date, {{ business_date('version_at') }}) as linked_since_date
    from {{ source('identity_output', 'customer_links') }}
),

final as (
    select
        customer_key,
        source_system,
        source_table,
        source_id,
        evidence_kind,
        evidence_key,
        match_rule,
        is_target,
        is_guarded,
        is_cut,
        linked_since_date as since_date,
        first_seen_at
    from links
)

select * from final

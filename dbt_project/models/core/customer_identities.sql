-- Which records and guests each golden customer is made of, and by which rule; never by which value.
with identities as (
    select * from {{ source('identity_output', 'customer_identities') }}
),

final as (
    select
        customer_key,
        source_system,
        source_table,
        source_id,
        id_namespace,
        match_rule,
        evidence_kind
    from identities
)

select * from final

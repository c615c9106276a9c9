-- Addresses of each customer as keyed hashes: who holds the key can join a list of addresses, nobody else learns one.
-- Shared addresses are nobody's. Without a key (setting email_hash_key_file) there are no rows.
with records as (
    select
        customer_key,
        email_hash,
        email_hash_key_version
    from {{ ref('int_customers__records') }}
    where email_hash is not null
),

mentioned as (
    select
        identifiers.customer_key,
        hashes.email_hash,
        hashes.email_hash_key_version
    from {{ source('identity_output', 'identifiers') }} as identifiers
    inner join {{ source('identity_output', 'email_hashes') }} as hashes
        on hashes.email = identifiers.identifier_value
    where identifiers.identifier_kind = 'email'
),

final as (
    select * from records
    union distinct
    select * from mentioned
)

select * from final

-- Pairs that a person should decide: likely, not certain, not decided yet, and not one customer by another way already.
with review_pairs as (
    select * from {{ source('identity_output', 'review_pairs') }}
),

identities as (
    select * from {{ source('identity_output', 'customer_identities') }}
    where match_rule not in ('guest', 'first_event')
),

decisions as (
    select * from {{ ref('int_identity__judged_pairs') }}
),

decided as (
    select
        left_source_system,
        left_source_table,
        left_source_id,
        right_source_system,
        right_source_table,
        right_source_id
    from decisions
    union
    select
        right_source_system as left_source_system,
        right_source_table as left_source_table,
        right_source_id as left_source_id,
        left_source_system as right_source_system,
        left_source_table as right_source_table,
        left_source_id as right_source_id
    from decisions
),

final as (
    select
        review_pairs.left_source_system,
        review_pairs.left_source_table,
        review_pairs.left_source_id,
        review_pairs.right_source_system,
        review_pairs.right_source_table,
        review_pairs.right_source_id,
        left_identities.customer_key as left_customer_key,
        right_identities.customer_key as right_customer_key,
        review_pairs.match_probability,
        review_pairs.first_name_level,
        review_pairs.last_name_level,
        review_pairs.email_level,
        review_pairs.phone_level,
        review_pairs.date_of_birth_level,
        review_pairs.address_level,
        review_pairs.national_id_level,
        review_pairs.model_version
    from review_pairs
    inner join identities as left_identities
        on left_identities.source_system = review_pairs.left_source_system
        and left_identities.source_table = review_pairs.left_source_table
        and left_identities.source_id = review_pairs.left_source_id
    inner join identities as right_identities
        on right_identities.source_system = review_pairs.right_source_system
        and right_identities.source_table = review_pairs.right_source_table
        and right_identities.source_id = review_pairs.right_source_id
    left join decided
        on decided.left_source_system = review_pairs.left_source_system
        and decided.left_source_table = review_pairs.left_source_table
        and decided.left_source_id = review_pairs.left_source_id
        and decided.right_source_system = review_pairs.right_source_system
        and decided.right_source_table = review_pairs.right_source_table
        and decided.right_source_id = review_pairs.right_source_id
    where left_identities.customer_key <> right_identities.customer_key
        and decided.left_source_id is null
)

select * from final

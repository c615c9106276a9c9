-- The decision in force about each pair of records: what orchestration/identity_decisions.py obeys. A pair has no
-- direction, so rows with their sides changed compete: the later extract date wins, then the revision (law 6); in one
-- delivery `different` wins. A blank or withdrawn decision wins by its date like any other and then decides nothing.
with decisions as (
    select
        *,
        {{ surrogate_key(['left_source_system', 'left_source_table', 'left_source_id']) }} as left_key,
        {{ surrogate_key(['right_source_system', 'right_source_table', 'right_source_id']) }} as right_key
    from {{ ref('int_decisions__unioned') }}
),

ranked as (
    select
        *,
        row_number() over (
            partition by least(left_key, right_key), greatest(left_key, right_key)
            order by extract_date desc, revision desc, is_deleted, decision nulls last, left_key
        ) as precedence
    from decisions
),

final as (
    select
        left_source_system,
        left_source_table,
        left_source_id,
        right_source_system,
        right_source_table,
        right_source_id,
        decision as verdict,
        'decision' as rule,
        extract_date as since_date
    from ranked
    where precedence = 1
        and not is_deleted
        and decision in ('same', 'different')
        and left_key <> right_key
)

select * from final

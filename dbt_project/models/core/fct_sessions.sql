-- Visits of the web shop.
with sessions as (
    select * from {{ ref('int_sessions__resolved') }}
),

final as (
    select
        {{ surrogate_key(['id_namespace', 'session_id']) }} as session_key,
        customer_key,
        source_system,
        session_id,
        marketing_channel,
        coalesce(has_order, false) as has_order,
        has_order is not null as is_outcome_known,
        {{ business_date('started_at') }} as started_date,
        started_at
    from sessions
)

select * from final

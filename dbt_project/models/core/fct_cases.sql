-- Cases and their calendar clocks.
with cases as (
    select
        *,
        {{ business_date('opened_at') }} as opened_date,
        {{ business_date('resolved_at') }} as resolved_date
    from {{ ref('int_cases__resolved') }}
),

final as (
    select
        {{ surrogate_key(['id_namespace', 'case_id']) }} as case_key,
        customer_key,
        source_system,
        case_id,
        contact_reason,
        case_priority,
        case_status,
        reopened_count,
        cast({{ dbt.datediff('opened_at', 'first_responded_at', 'second') }} as bigint) as first_response_seconds,
        cast({{ dbt.datediff('opened_at', 'resolved_at', 'second') }} as bigint) as resolution_seconds,
        -- A case that was resolved once and is open again is not resolved.
        (resolved_at is not null or case_status = 'resolved')
            and case_status not in ('new', 'open', 'pending', 'on_hold') as is_resolved,
        opened_date,
        resolved_date,
        opened_at,
        first_responded_at,
        resolved_at
    from cases
)

select * from final

-- Sessions with their customers, where one is known.
with sessions as (
    select * from {{ ref('int_sessions__unioned') }}
),

final as (
    select
        sessions.*,
        {{ attached_customer_key('sessions') }} as customer_key
    from sessions
    {{- attach_customer_joins('sessions') }}
)

select * from final

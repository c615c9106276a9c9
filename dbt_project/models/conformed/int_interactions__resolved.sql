-- Interactions with their customers; one that names nobody usable is its case's customer's.
with interactions as (
    select * from {{ ref('int_interactions__unioned') }}
),

cases as (
    select * from {{ ref('int_cases__resolved') }}
),

final as (
    select
        interactions.*,
        coalesce({{ attached_customer_key('interactions') }}, cases.customer_key) as customer_key
    from interactions
    left join cases
        on cases.id_namespace = interactions.id_namespace
        and cases.case_id = interactions.case_id
    {{- attach_customer_joins('interactions') }}
)

select * from final

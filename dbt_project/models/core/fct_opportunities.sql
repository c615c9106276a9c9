-- Opportunities and what the won ones are worth at the rate of their closing day. The lead is the one that the
-- opportunity names, known or not; when it names none, the oldest lead that names the opportunity. An opportunity
-- without a contact belongs to the person of its lead, and without a known account to that of its person.
with opportunities as (
    select
        *,
        {{ business_date('closed_at') }} as closed_date
    from {{ ref('int_opportunities__resolved') }}
),

leads as (
    select
        id_namespace,
        lead_id,
        opportunity_id,
        customer_key,
        {{ surrogate_key(['id_namespace', 'lead_id']) }} as lead_key,
        row_number() over (
            partition by id_namespace, opportunity_id
            order by created_at, lead_id
        ) as naming_rank
    from {{ ref('int_leads__resolved') }}
    where not is_deleted
),

accounts as (
    select
        id_namespace,
        account_id
    from {{ source('identity_output', 'account_hierarchy') }}
),

rated as (
    select
        opportunities.*,
        coalesce(named_leads.lead_key, naming_leads.lead_key) as lead_key,
        coalesce(opportunities.customer_key, naming_leads.customer_key) as person_key,
        {{ exchange_rate('opportunities.currency_code', 'rates.exchange_rate') }} as exchange_rate
    from opportunities
    left join leads as named_leads
        on named_leads.id_namespace = opportunities.id_namespace
        and named_leads.lead_id = opportunities.lead_id
    left join leads as naming_leads
        on naming_leads.id_namespace = opportunities.id_namespace
        and naming_leads.opportunity_id = opportunities.opportunity_id
        and naming_leads.naming_rank = 1
        and opportunities.lead_id is null
    left join {{ ref('int_exchange_rates__daily') }} as rates
        on rates.rate_date = opportunities.closed_date
        and rates.currency_code = opportunities.currency_code
),

final as (
    select
        {{ surrogate_key(['rated.id_namespace', 'rated.opportunity_id']) }} as opportunity_key,
        rated.person_key as customer_key,
        rated.lead_key,
        coalesce(
            {{ surrogate_key(['accounts.id_namespace', 'accounts.account_id']) }}, survivors.account_key
        ) as account_key,
        rated.source_system,
        rated.opportunity_id,
        rated.stage,
        rated.currency_code,
        rated.exchange_rate,
        rated.amount as amount_local,
        case when rated.is_won then {{ to_reporting('rated.amount', 'rated.exchange_rate') }} end as won_amount,
        coalesce(rated.is_won, false) as is_won,
        rated.is_won is not null as is_closed,
        {{ business_date('rated.created_at') }} as created_date,
        rated.closed_date,
        rated.created_at,
        rated.closed_at
    from rated
    left join accounts
        on accounts.id_namespace = rated.id_namespace
        and accounts.account_id = rated.account_id
    left join {{ ref('int_customers__survivors') }} as survivors
        on survivors.customer_key = rated.person_key
)

select * from final

-- Opportunities and what the won ones are worth at the rate of their closing day. The lead is the one that the
-- opportunity names, known or not; when it names none, the oldest lead that names the opportunity. An opportunity
-- without a contact belongs to the person of its lead.
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
        {{ surrogate_key(['id_namespace', 'opportunity_id']) }} as opportunity_key,
        person_key as customer_key,
        lead_key,
        source_system,
        opportunity_id,
        stage,
        currency_code,
        exchange_rate,
        amount as amount_local,
        case when is_won then {{ to_reporting('amount', 'exchange_rate') }} end as won_amount,
        coalesce(is_won, false) as is_won,
        is_won is not null as is_closed,
        {{ business_date('created_at') }} as created_date,
        closed_date,
        created_at,
        closed_at
    from rated
)

select * from final

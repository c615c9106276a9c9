-- Handled means the same as in the contact center: offered to a queue and answered.
with handled as (
    select
        interactions.customer_key,
        cast({{ dbt.date_trunc('month', 'interactions.started_date') }} as date) as cost_month,
        interactions.handle_seconds,
        -- Amount times seconds: the one division by 3600 comes after the sum.
        {{ to_reporting(
            'interactions.handle_seconds * cast(agents.hourly_cost_amount_local as decimal(24, 4))',
            exchange_rate('agents.currency_code', 'rates.exchange_rate')
        ) }} as agent_cost_seconds
    from {{ ref('fct_interactions') }} as interactions
    left join {{ ref('dim_agents') }} as agents
        on agents.agent_version_key = interactions.agent_version_key
    left join {{ ref('int_exchange_rates__daily') }} as rates
        on rates.currency_code = agents.currency_code and rates.rate_date = interactions.started_date
    where interactions.is_offered and interactions.is_answered
),

customer_months as (
    select
        cost_month,
        customer_key,
        count(*) as handled_interaction_count,
        sum(handle_seconds) as handle_seconds,
        sum(agent_cost_seconds) as agent_cost_seconds
    from handled
    group by cost_month, customer_key
),

ledger_months as (
    select
        cost_month,
        sum(cost_amount) as ledger_amount
    from {{ ref('fct_costs') }}
    where category = 'service'
    group by cost_month
),

-- A month with a ledger row and nobody served: the cost stays in the anonymous bucket, so the sum is the ledger.
unserved_months as (
    select
        ledger_months.cost_month,
        cast(null as {{ dbt.type_string() }}) as customer_key,
        cast(0 as bigint) as handled_interaction_count,
        cast(0 as bigint) as handle_seconds,
        cast(0 as decimal(38, 14)) as agent_cost_seconds
    from ledger_months
    left join customer_months
        on customer_months.cost_month = ledger_months.cost_month
    where customer_months.cost_month is null
),

buckets as (
    select * from customer_months
    union all
    select * from unserved_months
),

weighed as (
    select
        buckets.*,
        ledger_months.cost_month is not null as is_ledger_month,
        ledger_months.ledger_amount,
        case
            when coalesce(sum(buckets.handle_seconds) over (partition by buckets.cost_month), 0) > 0
                then coalesce(buckets.handle_seconds, 0)
            when sum(buckets.handled_interaction_count) over (partition by buckets.cost_month) > 0
                then buckets.handled_interaction_count
            else 1
        end as weight
    from buckets
    left join ledger_months
        on ledger_months.cost_month = buckets.cost_month
),

totals as (
    select
        *,
        sum(weight) over (partition by cost_month) as total_weight
    from weighed
),

shares as (
    select
        *,
        cast(ledger_amount as decimal(37, 14)) as exact_ledger_amount,
        cast({{ exact_share('ledger_amount', 'weight', 'total_weight') }} as decimal(37, 14)) as ledger_share_amount,
        {{ exact_share('agent_cost_seconds', '1', '3600') }} as agent_time_cost_amount
    from totals
),

-- What the cut after the 14th decimal left over goes to one bucket, the heaviest: the month's sum is the ledger,
-- exactly. (37 digits, because Spark drops the last decimal of a sum of two 38-digit numbers.)
settled as (
    select
        *,
        ledger_share_amount + cast(
            case
                when row_number() over (partition by cost_month order by weight desc, customer_key nulls first) = 1
                    then exact_ledger_amount
                        - cast(sum(ledger_share_amount) over (partition by cost_month) as decimal(37, 14))
                else 0
            end as decimal(37, 14)
        ) as ledger_cost_amount
    from shares
),

final as (
    select
        {{ surrogate_key(['customer_key', 'cost_month']) }} as cost_to_serve_key,
        customer_key,
        case when is_ledger_month then 'ledger' else 'agent_time' end as cost_source,
        cast(handled_interaction_count as bigint) as handled_interaction_count,
        cast(handle_seconds as bigint) as handle_seconds,
        cast(case when is_ledger_month then ledger_cost_amount else agent_time_cost_amount end as decimal(38, 14))
            as cost_to_serve_amount,
        cast(agent_time_cost_amount as decimal(38, 14)) as agent_time_cost_amount,
        cost_month
    from settled
)

select * from final

-- The cost ledger at the day's rate. A cost without channel is allocated later (fct_cost_allocations).
with costs as (
    select
        costs.*,
        {{ exchange_rate('costs.currency_code', 'rates.exchange_rate') }} as exchange_rate
    from {{ ref('int_costs__unioned') }} as costs
    left join {{ ref('int_exchange_rates__daily') }} as rates
        on rates.rate_date = costs.cost_date
        and rates.currency_code = costs.currency_code
),

final as (
    select
        {{ surrogate_key(['id_namespace', 'cost_id']) }} as cost_key,
        source_system,
        cost_id,
        category,
        marketing_channel,
        campaign_id,
        team,
        currency_code,
        exchange_rate,
        {{ to_reporting('amount', 'exchange_rate') }} as cost_amount,
        amount as cost_amount_local,
        exchange_rate is null as is_rate_missing,
        cost_date,
        cast({{ dbt.date_trunc('month', 'cost_date') }} as date) as cost_month
    from costs
)

select * from final

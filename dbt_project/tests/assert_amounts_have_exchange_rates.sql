{{ config(severity='warn', fail_calc='coalesce(sum(row_count), 0)') }}
-- Rows whose amount is unknown because their day has no exchange rate; deliver finance.exchange_rates for it.
{% set models = ['fct_orders', 'fct_refunds', 'fct_marketing_spend', 'fct_costs'] %}
with counted as (
    {% for model in models -%}
    select '{{ model }}' as model, currency_code, count(*) as row_count
    from {{ ref(model) }}
    where is_rate_missing
    group by currency_code
    union all
    {% endfor %}
    select 'fct_opportunities' as model, currency_code, count(*) as row_count
    from {{ ref('fct_opportunities') }}
    where is_won and amount_local is not null and exchange_rate is null
    group by currency_code
),

final as (
    select * from counted
)

select * from final

-- One test for all of core: every key names one row, every foreign key a row that exists. A refund that waits for its
-- order, and a lead, case or agent that never arrives, keep their place and are not listed.
{% set keys = {
    'dim_accounts': 'account_key', 'dim_agents': 'agent_version_key', 'dim_channels': 'marketing_channel', 'dim_customers': 'customer_key',
    'dim_dates': 'date_day', 'fct_orders': 'order_key', 'fct_order_lines': 'order_line_key',
    'fct_refunds': 'refund_key', 'fct_leads': 'lead_key', 'fct_opportunities': 'opportunity_key', 'fct_interactions': 'interaction_key',
    'fct_cases': 'case_key', 'fct_survey_responses': 'response_key', 'fct_sessions': 'session_key',
    'fct_marketing_spend': 'spend_key', 'fct_costs': 'cost_key'
} %}
{% set with_customers = [
    'fct_orders', 'fct_refunds', 'fct_leads', 'fct_opportunities', 'fct_interactions', 'fct_cases',
    'fct_survey_responses', 'fct_sessions'
] %}
{% set with_channels = ['fct_leads', 'fct_sessions', 'fct_marketing_spend', 'fct_costs'] %}
with repeated as (
    {% for model, key in keys.items() -%}
    select '{{ model }}' as model, '{{ key }}' as broken_key, count(*) as row_count
    from (
        select {{ key }} from {{ ref(model) }} group by {{ key }} having count(*) > 1 or {{ key }} is null
    ) as {{ model }}_keys
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

orphans as (
    {% for model in with_customers -%}
    select '{{ model }}' as model, 'customer_key' as broken_key, count(*) as row_count
    from {{ ref(model) }} as facts
    left join {{ ref('dim_customers') }} as customers
        on customers.customer_key = facts.customer_key
    where facts.customer_key is not null and customers.customer_key is null
    union all
    {% endfor %}
    {% for model in with_channels -%}
    select '{{ model }}' as model, 'marketing_channel' as broken_key, count(*) as row_count
    from {{ ref(model) }} as facts
    left join {{ ref('dim_channels') }} as channels
        on channels.marketing_channel = facts.marketing_channel
    where facts.marketing_channel is not null and channels.marketing_channel is null
    union all
    {% endfor %}
    {% for model in ['dim_customers', 'fct_opportunities'] -%}
    select '{{ model }}' as model, 'account_key' as broken_key, count(*) as row_count
    from {{ ref(model) }} as facts
    left join {{ ref('dim_accounts') }} as accounts
        on accounts.account_key = facts.account_key
    where facts.account_key is not null and accounts.account_key is null
    union all
    {% endfor %}
    {% for key in ['parent_account_key', 'top_account_key'] -%}
    select 'dim_accounts' as model, '{{ key }}' as broken_key, count(*) as row_count
    from {{ ref('dim_accounts') }} as facts
    left join {{ ref('dim_accounts') }} as accounts
        on accounts.account_key = facts.{{ key }}
    where facts.{{ key }} is not null and accounts.account_key is null
    union all
    {% endfor %}
    select 'fct_refunds' as model, 'order_key' as broken_key, count(*) as row_count
    from {{ ref('fct_refunds') }} as refunds
    left join {{ ref('fct_orders') }} as orders
        on orders.order_key = refunds.order_key
    where refunds.is_matched <> (refunds.order_key is null or orders.order_key is not null)
),

final as (
    select * from repeated where row_count > 0
    union all
    select * from orphans where row_count > 0
)

select * from final

{%- set currency = env_var('WAREHOUSE_REPORTING_CURRENCY') -%}
{%- set windows = [30, 60, 90, 180, 365, 730] -%}

{%- set trading = [
    {'id': 'order_count', 'unit': 'orders', 'numerator': 'order_count'},
    {'id': 'ordered_revenue', 'unit': currency, 'numerator': 'ordered_revenue_amount'},
    {'id': 'net_revenue', 'unit': currency, 'numerator': 'net_revenue_amount'},
    {
        'id': 'net_revenue', 'variant': 'by_order_date', 'unit': currency,
        'numerator': 'net_revenue_amount_by_order_date',
    },
    {
        'id': 'average_order_value', 'unit': currency,
        'numerator': 'ordered_revenue_amount', 'denominator': 'known_amount_order_count',
    },
    {
        'id': 'average_order_value', 'variant': 'net_of_refunds', 'unit': currency,
        'numerator': 'net_revenue_amount', 'denominator': 'known_amount_order_count',
    },
    {
        'id': 'average_order_quantity', 'unit': 'units',
        'numerator': 'units_count', 'denominator': 'known_units_order_count',
    },
] -%}

{%- set value = [] -%}
{%- for days in windows -%}
    {%- for kpi in [
        {'id': 'customer_lifetime_value_cohort', 'unit': currency, 'numerator': 'net_revenue_amount'},
        {'id': 'customer_lifetime_value_cohort', 'variant': 'margin', 'unit': currency, 'numerator': 'margin_amount'},
        {'id': 'repeat_purchase_rate_cohort', 'unit': 'rate', 'numerator': 'repeat_customer_count'},
    ] -%}
        {%- do value.append({
            'id': kpi.id ~ '_' ~ days ~ 'd', 'variant': kpi.variant, 'unit': kpi.unit,
            'numerator': kpi.numerator ~ '_' ~ days ~ 'd', 'denominator': 'cohort_customer_count_' ~ days ~ 'd',
            'is_final': 'is_final_' ~ days ~ 'd',
        }) -%}
    {%- endfor -%}
{%- endfor -%}

{%- set retention = [
    {
        'id': 'customer_retention_rate', 'unit': 'rate', 'value': 'customer_retention_rate',
        'numerator': 'retained_customer_count', 'denominator': 'start_customer_count',
    },
    {
        'id': 'customer_retention_rate_period_formula', 'unit': 'rate',
        'value': 'customer_retention_rate_period_formula',
        'numerator': 'end_customer_count - new_customer_count', 'denominator': 'start_customer_count',
    },
    {
        'id': 'churn_rate', 'unit': 'rate', 'value': 'churn_rate',
        'numerator': 'lost_customer_count', 'denominator': 'start_customer_count',
    },
    {
        'id': 'reactivation_rate', 'unit': 'rate', 'value': 'reactivation_rate',
        'numerator': 'reactivated_customer_count', 'denominator': 'known_inactive_customer_count',
    },
    {
        'id': 'net_revenue_retention_rate', 'unit': 'rate', 'value': 'net_revenue_retention_rate',
        'numerator': 'renewed_net_revenue_amount', 'denominator': 'base_net_revenue_amount',
    },
    {
        'id': 'gross_revenue_retention_rate', 'unit': 'rate', 'value': 'gross_revenue_retention_rate',
        'numerator': 'capped_net_revenue_amount', 'denominator': 'base_net_revenue_amount',
    },
    {
        'id': 'average_order_value', 'variant': 'identified', 'unit': currency,
        'value': 'average_order_value_identified',
        'numerator': 'identified_ordered_revenue_amount', 'denominator': 'identified_known_amount_order_count',
    },
    {'id': 'customer_lifetime_value_simple', 'unit': currency, 'value': 'customer_lifetime_value_simple'},
    {'id': 'customer_lifespan_days', 'unit': 'days', 'numerator': 'customer_lifespan_days'},
    {
        'id': 'days_between_orders', 'variant': 'average', 'unit': 'days',
        'numerator': 'order_gap_days', 'denominator': 'order_gap_count',
    },
    {'id': 'days_between_orders', 'variant': 'median', 'unit': 'days', 'value': 'median_days_between_orders'},
] -%}

{%- set acquisition = [
    {
        'id': 'new_customer_count', 'unit': 'customers',
        'numerator': 'new_customer_count', 'is_final': 'is_month_complete',
    },
    {'id': 'media_spend', 'unit': currency, 'numerator': 'media_spend_amount', 'is_final': 'is_month_complete'},
    {
        'id': 'sales_and_marketing_cost', 'unit': currency,
        'numerator': 'sales_and_marketing_cost_amount', 'is_final': 'is_month_complete',
    },
    {
        'id': 'customer_acquisition_cost_fully_loaded', 'unit': currency,
        'value': 'customer_acquisition_cost_fully_loaded', 'is_final': 'is_month_complete',
        'numerator': 'sales_and_marketing_cost_amount', 'denominator': 'new_customer_count',
    },
    {
        'id': 'customer_acquisition_cost_blended', 'unit': currency,
        'value': 'customer_acquisition_cost_blended', 'is_final': 'is_month_complete',
        'numerator': 'media_spend_amount', 'denominator': 'new_customer_count',
    },
    {
        'id': 'customer_acquisition_cost_paid', 'unit': currency,
        'value': 'customer_acquisition_cost_paid', 'is_final': 'is_month_complete',
        'numerator': 'media_spend_amount', 'denominator': 'paid_new_customer_count',
    },
    {
        'id': 'marketing_efficiency_ratio', 'unit': 'ratio',
        'value': 'marketing_efficiency_ratio', 'is_final': 'is_month_complete',
        'numerator': 'net_revenue_amount', 'denominator': 'sales_and_marketing_cost_amount',
    },
    {
        'id': 'lifetime_value_to_acquisition_cost_ratio', 'unit': 'ratio',
        'value': 'lifetime_value_to_acquisition_cost_ratio', 'is_final': 'is_final',
        'numerator': 'cohort_margin_amount_365d', 'denominator': 'sales_and_marketing_cost_amount',
    },
    {
        'id': 'acquisition_payback_days', 'unit': 'days',
        'numerator': 'acquisition_payback_days',
        'is_final': 'is_month_complete and acquisition_payback_days is not null',
    },
] -%}

{%- set channels = [
    {
        'id': 'cost_per_acquisition', 'unit': currency,
        'numerator': 'media_spend_amount', 'denominator': 'attributed_new_customer_count',
    },
    {
        'id': 'return_on_ad_spend', 'unit': 'ratio',
        'numerator': 'attributed_net_revenue_amount', 'denominator': 'media_spend_amount',
    },
    {
        'id': 'platform_conversion_gap', 'unit': 'orders', 'numerator': 'platform_conversion_gap_count',
    },
] -%}

{%- set action_types = ['click', 'session', 'lead', 'qualified_lead', 'opportunity', 'order'] -%}
{%- set actions = [] -%}
{%- for action_type in action_types -%}
    {%- do actions.append({
        'id': 'cost_per_action_' ~ action_type, 'unit': currency,
        'numerator': 'media_spend_amount', 'denominator': action_type ~ '_count',
    }) -%}
{%- endfor -%}
{%- for action_type in ['click', 'order'] -%}
    {%- do actions.append({
        'id': 'cost_per_action_' ~ action_type, 'variant': 'platform_reported', 'unit': currency,
        'numerator': 'media_spend_amount', 'denominator': action_type ~ '_reported_count',
    }) -%}
{%- endfor -%}

{%- set serving = [
    {'id': 'cost_to_serve', 'unit': currency, 'numerator': 'cost_to_serve_amount'},
    {'id': 'cost_to_serve', 'variant': 'agent_time', 'unit': currency, 'numerator': 'agent_time_cost_amount'},
] -%}

{%- set conversion = [
    {'id': 'won_amount', 'unit': currency, 'numerator': 'won_amount', 'is_final': 'is_final_90d'},
    {
        'id': 'median_days_to_convert', 'unit': 'days', 'value': 'median_days_to_convert', 'is_final': 'is_final_90d',
    },
    {
        'id': 'conversion_rate_cohort_30d', 'unit': 'rate', 'is_final': 'is_final_30d',
        'numerator': 'converted_lead_count_30d', 'denominator': 'lead_count',
    },
    {
        'id': 'conversion_rate_cohort_90d', 'unit': 'rate', 'is_final': 'is_final_90d',
        'numerator': 'converted_lead_count_90d', 'denominator': 'lead_count',
    },
    {
        'id': 'conversion_rate_period', 'unit': 'rate', 'is_final': 'is_month_complete',
        'numerator': 'converting_lead_count', 'denominator': 'lead_count',
    },
    {
        'id': 'session_conversion_rate', 'unit': 'rate', 'is_final': 'is_month_complete',
        'numerator': 'session_with_order_count', 'denominator': 'session_count',
    },
] -%}

{%- set met = 'answered_within_threshold_count' -%}
{%- set policies = {
    'ignore_in_threshold': [met, 'offered_interaction_count - abandoned_within_threshold_count'],
    'negative': [met, 'offered_interaction_count'],
    'positive': [met ~ ' + abandoned_within_threshold_count', 'offered_interaction_count'],
    'ignore_short': [met, 'offered_interaction_count - short_abandoned_interaction_count'],
    'answered_only': [met, 'answered_interaction_count'],
} -%}
{%- set service = [
    {
        'id': 'average_handle_time_seconds', 'unit': 'seconds',
        'numerator': 'handle_seconds', 'denominator': 'answered_interaction_count',
    },
    {
        'id': 'average_speed_of_answer_seconds', 'unit': 'seconds',
        'numerator': 'answered_queue_seconds', 'denominator': 'answered_interaction_count',
    },
    {
        'id': 'abandonment_rate', 'unit': 'rate',
        'numerator': 'abandoned_interaction_count', 'denominator': 'offered_interaction_count',
    },
    {
        'id': 'transfer_rate', 'unit': 'rate',
        'numerator': 'transferred_interaction_count', 'denominator': 'answered_interaction_count',
    },
    {
        'id': 'hold_rate', 'unit': 'rate',
        'numerator': 'held_interaction_count', 'denominator': 'answered_interaction_count',
    },
    {
        'id': 'service_level_rate', 'unit': 'rate',
        'numerator': policies[env_var('WAREHOUSE_ABANDON_POLICY')][0],
        'denominator': policies[env_var('WAREHOUSE_ABANDON_POLICY')][1],
    },
] -%}
{%- for policy, parts in policies.items() -%}
    {%- do service.append({
        'id': 'service_level_rate', 'variant': policy, 'unit': 'rate', 'numerator': parts[0], 'denominator': parts[1],
    }) -%}
{%- endfor -%}

{%- for kpi in trading + service + channels + actions + serving -%}
    {%- do kpi.update({'is_final': 'is_month_complete'}) -%}
{%- endfor -%}
{%- for kpi in retention -%}
    {%- do kpi.update({'is_final': 'is_final'}) -%}
{%- endfor -%}

with trading_days as (
    select
        *,
        cast({{ dbt.date_trunc('month', 'date') }} as date) as month
    from {{ ref('mart_orders__day') }}
),

trading_months as (
    select
        month,
        sum(order_count) as order_count,
        sum(known_amount_order_count) as known_amount_order_count,
        sum(known_units_order_count) as known_units_order_count,
        {{ zero_without_rows('sum(case when order_count > 0 then units_count end)', 'sum(order_count)') }}
            as units_count,
        {{ zero_without_rows('sum(case when order_count > 0 then ordered_revenue_amount end)', 'sum(order_count)') }}
            as ordered_revenue_amount,
        sum(net_revenue_amount) as net_revenue_amount,
        sum(net_revenue_amount_by_order_date) as net_revenue_amount_by_order_date,
        coalesce(max(as_of_date) >= {{ dbt.last_day('month', 'month') }}, false) as is_month_complete
    from trading_days
    group by month
),

value_months as (
    select
        cohort_month as month,
        {% for days in windows -%}
        sum(case when days_since_acquisition = {{ days }} then cumulative_net_revenue_amount end)
            as net_revenue_amount_{{ days }}d,
        sum(case when days_since_acquisition = {{ days }} then cumulative_margin_amount end)
            as margin_amount_{{ days }}d,
        sum(case when days_since_acquisition = {{ days }} then repeat_customer_count end)
            as repeat_customer_count_{{ days }}d,
        sum(case when days_since_acquisition = {{ days }} then cohort_customer_count end)
            as cohort_customer_count_{{ days }}d,
        min(case when days_since_acquisition = {{ days }} and not is_final then 0 else 1 end) = 1
            as is_final_{{ days }}d{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('mart_customer_value__cohort_month') }}
    group by cohort_month
),

retention_months as (
    select * from {{ ref('mart_retention__month') }}
),

acquisition_months as (
    select * from {{ ref('mart_acquisition__month') }}
),

attributed_months as (
    select
        month,
        sum(attributed_new_customer_count) as attributed_new_customer_count,
        sum(platform_conversion_gap_count) as platform_conversion_gap_count
    from {{ ref('mart_acquisition__channel_month') }}
    where attribution_model = {{ setting_text('acquisition_model') }}
    group by month
),

-- Over channels, media is that of the month, and attributed net revenue is net revenue by order date, under every model.
channel_months as (
    select
        acquisition.month,
        acquisition.media_spend_amount,
        attributed_months.attributed_new_customer_count,
        attributed_months.platform_conversion_gap_count,
        case when trading_months.month is null then 0 else trading_months.net_revenue_amount_by_order_date end
            as attributed_net_revenue_amount,
        acquisition.is_month_complete
    from {{ ref('mart_acquisition__month') }} as acquisition
    inner join attributed_months on attributed_months.month = acquisition.month
    left join trading_months on trading_months.month = acquisition.month
),

action_months as (
    select
        actions.month,
        {% for action_type in action_types -%}
        sum(case when actions.action_type = '{{ action_type }}' then actions.action_count end) as {{ action_type }}_count,
        {% endfor -%}
        {% for action_type in ['click', 'order'] -%}
        sum(case when actions.action_type = '{{ action_type }}' then actions.platform_reported_action_count end)
            as {{ action_type }}_reported_count,
        {% endfor -%}
        max(media.media_spend_amount) as media_spend_amount,
        coalesce(max(actions.as_of_date) >= {{ dbt.last_day('actions.month', 'month') }}, false) as is_month_complete
    from {{ ref('mart_acquisition__channel_action_month') }} as actions
    left join {{ ref('mart_acquisition__month') }} as media on media.month = actions.month
    group by actions.month
),

served_months as (
    select
        cost_month as month,
        cast(sum(cost_to_serve_amount) as decimal(28, 10)) as cost_to_serve_amount,
        cast(sum(agent_time_cost_amount) as decimal(28, 10)) as agent_time_cost_amount,
        coalesce({{ as_of('mart_kpis__month') }} >= {{ dbt.last_day('cost_month', 'month') }}, false) as is_month_complete
    from {{ ref('fct_cost_to_serve') }}
    group by cost_month
),

converted_leads as (
    select
        lead_month as month,
        percentile_cont(0.5) within group (order by cast(days_to_convert as double)) as median_days_to_convert
    from {{ ref('fct_leads') }}
    where days_to_convert is not null
    group by lead_month
),

channel_conversions as (
    select
        month,
        sum(lead_count) as lead_count,
        sum(converted_lead_count_30d) as converted_lead_count_30d,
        sum(converted_lead_count_90d) as converted_lead_count_90d,
        sum(converting_lead_count) as converting_lead_count,
        {{ zero_without_rows('sum(case when won_lead_count > 0 then won_amount end)', 'sum(won_lead_count)') }} as won_amount,
        sum(session_count) as session_count,
        -- a channel without sessions has 0 of them with an order; that must not turn an unknown sum into 0
        {{ zero_without_rows('sum(case when session_count > 0 then session_with_order_count end)', 'sum(session_count)') }}
            as session_with_order_count,
        min(case when is_final_30d then 1 else 0 end) = 1 as is_final_30d,
        min(case when is_final_90d then 1 else 0 end) = 1 as is_final_90d,
        coalesce(max(as_of_date) >= {{ dbt.last_day('month', 'month') }}, false) as is_month_complete
    from {{ ref('mart_conversion__channel_month') }}
    group by month
),

conversion_months as (
    select
        channel_conversions.*,
        converted_leads.median_days_to_convert
    from channel_conversions
    left join converted_leads on converted_leads.month = channel_conversions.month
),

service_days as (
    select
        *,
        cast({{ dbt.date_trunc('month', 'date') }} as date) as month
    from {{ ref('mart_service__queue_day') }}
),

-- What only answered (or only abandoned) contacts can say is summed over the rows that have any, so that a queue day
-- without them does not turn an unknown sum into 0.
service_months as (
    select
        month,
        sum(offered_interaction_count) as offered_interaction_count,
        sum(answered_interaction_count) as answered_interaction_count,
        sum(abandoned_interaction_count) as abandoned_interaction_count,
        {% for column in ['short_abandoned_interaction_count', 'abandoned_within_threshold_count'] -%}
        {{ zero_without_rows(
            'sum(case when abandoned_interaction_count > 0 then ' ~ column ~ ' end)', 'sum(abandoned_interaction_count)'
        ) }} as {{ column }},
        {% endfor -%}
        {% for column in [
            'answered_within_threshold_count', 'transferred_interaction_count', 'held_interaction_count',
            'answered_queue_seconds', 'handle_seconds',
        ] -%}
        {{ zero_without_rows(
            'sum(case when answered_interaction_count > 0 then ' ~ column ~ ' end)', 'sum(answered_interaction_count)'
        ) }} as {{ column }},
        {% endfor -%}
        coalesce(max(as_of_date) >= {{ dbt.last_day('month', 'month') }}, false) as is_month_complete
    from service_days
    group by month
),

kpis as (
    {{ kpi_rows('trading_months', trading) }}
    union all
    {{ kpi_rows('value_months', value) }}
    union all
    {{ kpi_rows('retention_months', retention) }}
    union all
    {{ kpi_rows('acquisition_months', acquisition) }}
    union all
    {{ kpi_rows('channel_months', channels) }}
    union all
    {{ kpi_rows('action_months', actions) }}
    union all
    {{ kpi_rows('served_months', serving) }}
    union all
    {{ kpi_rows('conversion_months', conversion) }}
    union all
    {{ kpi_rows('service_months', service) }}
),

neighbours as (
    select
        *,
        lag(month) over (partition by kpi_id, variant order by month) as previous_month,
        lag(value) over (partition by kpi_id, variant order by month) as previous_row_value
    from kpis
    where value is not null or coalesce(numerator, 0) <> 0 or coalesce(denominator, 0) <> 0
),

final as (
    select
        cast(kpi_id as {{ dbt.type_string() }}) as kpi_id,
        cast(variant as {{ dbt.type_string() }}) as variant,
        cast(unit as {{ dbt.type_string() }}) as unit,
        cast(value as double) as value,
        cast(numerator as decimal(28, 6)) as numerator,
        cast(denominator as decimal(28, 6)) as denominator,
        case
            when {{ dbt.datediff('previous_month', 'month', 'month') }} = 1 then cast(previous_row_value as double)
        end as previous_value,
        cast(coalesce(is_final, false) as boolean) as is_final,
        cast(month as date) as month,
        {{ mart_columns('mart_kpis__month') }}
    from neighbours
)

select * from final

{{ config(severity='warn', fail_calc='coalesce(sum(row_count), 0)') }}
-- Rows whose vendor value no seed knows, by column: add the value to seeds/map_*.csv. A blank lead source or channel of
-- spend counts too, because nobody can say where it came from.
{% set columns = [
    ('fct_orders', 'order_status'), ('fct_order_lines', 'line_type'), ('fct_leads', 'lead_status'),
    ('fct_leads', 'marketing_channel'), ('fct_interactions', 'service_channel'), ('fct_interactions', 'direction'),
    ('fct_cases', 'case_status'), ('fct_cases', 'case_priority'), ('fct_sessions', 'marketing_channel'),
    ('fct_marketing_spend', 'marketing_channel'), ('fct_costs', 'marketing_channel')
] %}
with counted as (
    {% for model, column in columns -%}
    select '{{ model }}' as model, '{{ column }}' as column_name, count(*) as row_count
    from {{ ref(model) }}
    where {{ column }} = 'unmapped'
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

final as (
    select * from counted where row_count > 0
)

select * from final

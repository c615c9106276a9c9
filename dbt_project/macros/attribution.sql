{# What the attribution models agree on; their definitions are in fct_attribution. #}

{# The models, in the order of the setting's choices. #}
{% macro attribution_models() -%}
    {{ return(['first_touch', 'last_touch', 'last_non_direct_touch', 'linear', 'position_based', 'time_decay', 'markov']) }}
{%- endmacro %}

{# The models as a query of one column. #}
{% macro attribution_model_rows() -%}
    {%- for model in attribution_models() -%}
    select '{{ model }}' as attribution_model {{ 'union all ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{# The look-back of an attribution window in microseconds, both ends inside. #}
{% macro attribution_window_microseconds() -%}
    {{ setting('attribution_window_days') }} * cast(86400000000 as bigint)
{%- endmacro %}

{# Ledger categories that are sales and marketing but not media: media goes by the media spend rule, service is neither. #}
{% macro allocated_cost_categories() -%}
    {{ return(['agency', 'salaries', 'overhead', 'tools', 'incentives']) }}
{%- endmacro %}

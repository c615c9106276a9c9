{# A setting of orchestration/settings.py, as SQL text: {{ setting('active_window_days') }} gives 90. #}
{% macro setting(name) -%}
    {{ env_var('WAREHOUSE_' ~ name | upper) }}
{%- endmacro %}

{# A text setting as a SQL literal. #}
{% macro setting_text(name) -%}
    '{{ env_var('WAREHOUSE_' ~ name | upper) }}'
{%- endmacro %}

{# A list setting as SQL literals: ('paid', 'shipped'). An empty list matches nothing. #}
{% macro setting_list(name) -%}
    {%- set items = env_var('WAREHOUSE_' ~ name | upper).split(',') -%}
    ({% for item in items %}'{{ item }}'{{ ', ' if not loop.last }}{% endfor %})
{%- endmacro %}

{# A per-service-channel setting over `column`: default=20,voice=30. Coalesce because a case needs at least one when. #}
{% macro setting_by_service_channel(name, column) -%}
    coalesce(
    {%- for pair in env_var('WAREHOUSE_' ~ name | upper).split(',') if not pair.startswith('default=') %}
        case when {{ column }} = '{{ pair.split('=')[0] }}' then {{ pair.split('=')[1] }} end,
    {%- endfor %}
        {{ (env_var('WAREHOUSE_' ~ name | upper).split('default=')[1]).split(',')[0] }})
{%- endmacro %}

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

{# A per-service-channel setting as a case over `column`: default=20,voice=30. #}
{% macro setting_by_service_channel(name, column) -%}
    case {{ column }}
    {%- for pair in env_var('WAREHOUSE_' ~ name | upper).split(',') if not pair.startswith('default=') %}
        when '{{ pair.split('=')[0] }}' then {{ pair.split('=')[1] }}
    {%- endfor %}
        else {{ (env_var('WAREHOUSE_' ~ name | upper).split('default=')[1]).split(',')[0] }} end
{%- endmacro %}

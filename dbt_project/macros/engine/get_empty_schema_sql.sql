{# The columns that a contract promises, as an empty query: dbt's own macro, with the engine's words for types. #}
{% macro spark__get_empty_schema_sql(columns) -%}
    select
        {% for column in columns.values() -%}
        cast(null as {{ engine_type(column['data_type']) }}) as {{ column['name'] }}{{ ', ' if not loop.last }}
        {% endfor %}
{%- endmacro %}

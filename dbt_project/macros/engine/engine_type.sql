{# A contract's data type as the engine spells it (contracts are written in DuckDB's words). #}
{% macro engine_type(data_type) -%}
    {{ return(adapter.dispatch('engine_type', 'cx_warehouse')(data_type)) }}
{%- endmacro %}

{% macro default__engine_type(data_type) -%}
    {{ return(data_type) }}
{%- endmacro %}

{% macro spark__engine_type(data_type) -%}
    {# Spark's timestamp is UTC microseconds when the session zone is UTC, which the profile sets. #}
    {{ return({'varchar': 'string'}.get(data_type, data_type)) }}
{%- endmacro %}

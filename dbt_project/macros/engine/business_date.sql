{# The date of a UTC instant in the reporting zone (metrics.md, Time): one business day for every instant. #}
{% macro business_date(timestamp_utc) -%}
    {{ adapter.dispatch('business_date', 'cx_warehouse')(timestamp_utc) }}
{%- endmacro %}

{% macro default__business_date(timestamp_utc) -%}
    cast(timezone({{ setting_text('reporting_zone') }}, timezone('UTC', {{ timestamp_utc }})) as date)
{%- endmacro %}

{% macro spark__business_date(timestamp_utc) -%}
    cast(from_utc_timestamp({{ timestamp_utc }}, {{ setting_text('reporting_zone') }}) as date)
{%- endmacro %}

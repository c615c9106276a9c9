{# Microseconds since 1970-01-01 of a UTC instant: the unit in which windows that end at an instant are compared. #}
{% macro epoch_microseconds(timestamp_utc) -%}
    {{ adapter.dispatch('epoch_microseconds', 'cx_warehouse')(timestamp_utc) }}
{%- endmacro %}

{% macro default__epoch_microseconds(timestamp_utc) -%}
    epoch_us({{ timestamp_utc }})
{%- endmacro %}

{% macro spark__epoch_microseconds(timestamp_utc) -%}
    unix_micros({{ timestamp_utc }})
{%- endmacro %}

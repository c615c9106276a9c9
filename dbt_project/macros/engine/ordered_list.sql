{# Texts of a group as one text, in an order: 'email > direct'. To be used with group by; unknown texts are left out. #}
{% macro ordered_list(text, separator, order_by) -%}
    {{ adapter.dispatch('ordered_list', 'cx_warehouse')(text, separator, order_by) }}
{%- endmacro %}

{% macro default__ordered_list(text, separator, order_by) -%}
    string_agg({{ text }}, '{{ separator }}' order by {{ order_by }})
{%- endmacro %}

{% macro spark__ordered_list(text, separator, order_by) -%}
    listagg({{ text }}, '{{ separator }}') within group (order by {{ order_by }})
{%- endmacro %}

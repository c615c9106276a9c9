{# What a purchase of quarter `number` from now is worth today: paid at the quarter's end, at the yearly discount_rate. #}
{% macro discount_factor(number) -%}
    cast('{{ (1 + setting('discount_rate') | trim | float) ** (-number / 4) }}' as double)
{%- endmacro %}

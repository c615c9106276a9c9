{# The published money column: the only rounding of an amount, half away from zero (both engines round decimals so). #}
{% macro published_amount(amount) -%}
    cast({{ amount }} as decimal(24, 4))
{%- endmacro %}

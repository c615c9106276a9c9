{# The one division of a metric (metrics.md, Additive first): DOUBLE, null when the denominator is 0 or unknown.
   Decimals become doubles by way of their digits, because engines differ in the last bit when they convert directly. #}
{% macro ratio(numerator, denominator) -%}
    ({{ digits_as_double(numerator) }} / nullif({{ digits_as_double(denominator) }}, 0))
{%- endmacro %}

{% macro digits_as_double(number) -%}
    cast(cast({{ number }} as {{ dbt.type_string() }}) as double)
{%- endmacro %}

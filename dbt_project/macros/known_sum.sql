{# The sum rule of metrics.md where the sum takes unknown rows for 0: no rows is 0, only unknown ones null. #}
{% macro known_sum(amount, row_count, known_count) -%}
    case when {{ row_count }} = 0 or {{ known_count }} > 0 then {{ amount }} end
{%- endmacro %}

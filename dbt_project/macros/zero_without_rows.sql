{#
    The sum rule of metrics.md after a left join: no rows is 0, rows that are all unknown stay null.
    `amount` is a sum() of the joined side and `row_count` its count(*), null where nothing was joined.
#}
{% macro zero_without_rows(amount, row_count) -%}
    case when coalesce({{ row_count }}, 0) = 0 then 0 else {{ amount }} end
{%- endmacro %}

{#
    Revenue (or margin) less refunds as one sum over the rows of both, by the sum rule of metrics.md: no rows is 0, only
    unknown rows null, otherwise what is known. So it stays additive: the nets of any parts sum to the net of the whole.
    `amount` and `refund_amount` are plain sums, null when nothing is known; the counts tell no rows from unknown
    ones. 37 digits, because Spark drops the last decimal of a difference of two 38-digit numbers.
#}
{% macro less_refunds(amount, order_count, refund_amount, refund_count) -%}
    case
        when coalesce({{ order_count }}, 0) + coalesce({{ refund_count }}, 0) = 0 then 0
        when {{ amount }} is not null or {{ refund_amount }} is not null
            then coalesce(cast({{ amount }} as decimal(37, 14)), 0)
                - coalesce(cast({{ refund_amount }} as decimal(37, 14)), 0)
    end
{%- endmacro %}

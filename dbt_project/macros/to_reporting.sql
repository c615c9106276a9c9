{#
    An amount in the reporting currency: amount x rate, DECIMAL(38,14), null without a rate.

    `scale` is the number of decimals of `amount`: 4 for a delivered amount (then the product is exact), 10 for
    quantity x price. Both factors are widened first: an engine would otherwise multiply in 64 bits and overflow.
#}
{% macro to_reporting(amount, rate, scale=4) -%}
    cast(cast({{ amount }} as decimal(38, {{ scale }})) * cast({{ rate }} as decimal(38, 10)) as decimal(38, 14))
{%- endmacro %}

{# Quantity x price in local currency, exact: DECIMAL(38,10). #}
{% macro quantity_amount(quantity, price) -%}
    cast(cast({{ quantity }} as decimal(38, 6)) * cast({{ price }} as decimal(38, 4)) as decimal(38, 10))
{%- endmacro %}

{# The margin of revenue whose cost is unknown: revenue x setting margin_rate. #}
{% macro estimated_margin(revenue) -%}
    cast(cast({{ revenue }} as decimal(38, 14)) * cast({{ setting('margin_rate') }} as decimal(8, 6)) as decimal(38, 14))
{%- endmacro %}

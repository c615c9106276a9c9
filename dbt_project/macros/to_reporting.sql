{#
    An amount in the reporting currency: amount x rate, DECIMAL(38,14), null without a rate.

    `scale` is the number of decimals of `amount`: 4 for a delivered amount (then the product is exact), 10 for
    quantity x price. Both factors are widened first: an engine would otherwise multiply in 64 bits and overflow.
    A rate of 1 needs no product of 20 decimals, and cutting those costs DuckDB 2 microseconds a row.
#}
{% macro to_reporting(amount, rate, scale=4) -%}
    {%- set product = 'cast(' ~ amount ~ ' as decimal(38, ' ~ scale ~ ')) * cast(' ~ rate ~ ' as decimal(38, 10))' -%}
    {%- if scale == 4 -%}
    cast({{ product }} as decimal(38, 14))
    {%- else -%}
    case when {{ rate }} = 1 then cast({{ amount }} as decimal(38, 14)) else cast({{ product }} as decimal(38, 14)) end
    {%- endif -%}
{%- endmacro %}

{# Quantity x price in local currency, exact: DECIMAL(38,10). #}
{% macro quantity_amount(quantity, price) -%}
    cast(cast({{ quantity }} as decimal(38, 6)) * cast({{ price }} as decimal(38, 4)) as decimal(38, 10))
{%- endmacro %}

{# In the reporting currency, the margin of local revenue (10 decimals) whose cost is unknown: x setting margin_rate. #}
{% macro estimated_margin(revenue_local, rate) -%}
    {%- set margin_rate = 'cast(' ~ setting('margin_rate') ~ ' as decimal(8, 4))' -%}
    case
        when {{ rate }} = 1
            then cast(cast({{ revenue_local }} as decimal(38, 10)) * {{ margin_rate }} as decimal(38, 14))
        else cast({{ to_reporting(revenue_local, rate, 10) }} * {{ margin_rate }} as decimal(38, 14))
    end
{%- endmacro %}

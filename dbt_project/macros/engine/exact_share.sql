{#
    amount × weight ÷ total_weight as DECIMAL(38,14), cut (not rounded) after the 14th decimal: a binary division
    would turn a share of exactly 16.66665 into 16.6666 or 16.6667 by accident. Weights are whole numbers,
    total_weight > 0. Engines differ because DuckDB divides decimals as doubles, and Spark shortens wide decimals.
#}
{% macro exact_share(amount, weight, total_weight) -%}
    {{ adapter.dispatch('exact_share', 'cx_warehouse')(amount, weight, total_weight) }}
{%- endmacro %}

{% macro default__exact_share(amount, weight, total_weight) -%}
    {#- The amount as a whole number of 1e-14: whole part and fraction apart, both at once overflow 38 digits. -#}
    {%- set units = 'cast(100000000000000 as hugeint)' -%}
    {%- set numerator -%}
    (cast(trunc({{ amount }}) as hugeint) * {{ units }}
    + cast(({{ amount }} - trunc({{ amount }})) * 100000000000000 as hugeint)) * {{ weight }}
    {%- endset -%}
    cast(cast({{ numerator }} // {{ total_weight }} as decimal(38, 0)) * 0.00000000000001 as decimal(38, 14))
{%- endmacro %}

{% macro spark__exact_share(amount, weight, total_weight) -%}
    {#- Ten whole digits of amount and 13 of weight keep the product within 38; more is an error, no wrong number. -#}
    {%- set product -%}
    cast(cast({{ amount }} as decimal(24, 14)) * cast({{ weight }} as decimal(13, 0)) as decimal(38, 14))
    {%- endset -%}
    {%- set total = 'cast(' ~ total_weight ~ ' as decimal(13, 0))' -%}
    cast(
        cast(({{ product }} - {{ product }} % {{ total }}) / {{ total }} as decimal(22, 0))
        + cast(floor(({{ product }} % {{ total }}) / {{ total }}, 14) as decimal(15, 14))
    as decimal(38, 14))
{%- endmacro %}

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
    {#-
        Whole part and fraction are shared one after the other; what the first division leaves over goes into the
        second. 20 whole digits of amount and 13 of weight keep every product within 38; more is an error, never a wrong
        number.
    -#}
    {%- set weight = 'cast(' ~ weight ~ ' as decimal(13, 0))' -%}
    {%- set total = 'cast(' ~ total_weight ~ ' as decimal(13, 0))' -%}
    {%- set units = 'cast(100000000000000 as decimal(15, 0))' -%}
    {%- set whole = '(cast(' ~ amount ~ ' - ' ~ amount ~ ' % 1 as decimal(20, 0)) * ' ~ weight ~ ')' -%}
    {%- set fraction = '(cast(' ~ amount ~ ' % 1 * ' ~ units ~ ' as decimal(14, 0)) * ' ~ weight ~ ')' -%}
    {%- set rest = '(' ~ whole ~ ' % ' ~ total ~ ' * ' ~ units ~ ' + ' ~ fraction ~ ')' -%}
    cast(
        cast(({{ whole }} - {{ whole }} % {{ total }}) / {{ total }} as decimal(22, 0))
        + cast(({{ rest }} - {{ rest }} % {{ total }}) / {{ total }} as decimal(22, 0)) * 0.00000000000001
    as decimal(38, 14))
{%- endmacro %}

{# One row per day, `date_day`, from column first_day to column last_day of a relation of one row. #}
{% macro date_series(relation) -%}
    {{ adapter.dispatch('date_series', 'cx_warehouse')(relation) }}
{%- endmacro %}

{% macro default__date_series(relation) -%}
    select cast(unnest(generate_series(first_day, last_day, interval 1 day)) as date) as date_day
    from {{ relation }}
{%- endmacro %}

{% macro spark__date_series(relation) -%}
    select explode(sequence(first_day, last_day, interval 1 day)) as date_day
    from {{ relation }}
    where first_day <= last_day
{%- endmacro %}

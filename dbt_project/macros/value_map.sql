{# A seed that maps vendor values to ours, as a query: one row per value, written without regard to case. A value that
   a seed says twice keeps its alphabetically first meaning, so that no join can multiply rows. #}
{% macro value_map(seed, our_column) -%}
    select
        lower(trim(vendor_value)) as vendor_value,
        min({{ our_column }}) as {{ our_column }}
    from {{ ref(seed) }}
    group by lower(trim(vendor_value))
{%- endmacro %}

{# The day up to which everything that a mart reads is complete (extracts.md); null when nothing is delivered. #}
{% macro as_of(mart) -%}
    (select max(as_of_date) from {{ source('meta_input', 'mart_as_of') }} where mart = '{{ mart }}')
{%- endmacro %}

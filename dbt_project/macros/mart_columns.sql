{# The last two columns of every mart: the snapshot it belongs to and the day it is complete to. #}
{% macro mart_columns(mart) -%}
    cast('{{ env_var('WAREHOUSE_SNAPSHOT_ID', '') }}' as {{ dbt.type_string() }}) as snapshot_id,
        cast({{ as_of(mart) }} as date) as as_of_date
{%- endmacro %}

{# md5 over the parts, each with its length in front so that ('a','bc') and ('ab','c') differ; null when the last part is null. #}
{% macro surrogate_key(parts) -%}
    case when {{ parts[-1] }} is null then null else md5(
    {%- for part in parts -%}
        coalesce(cast(length(cast({{ part }} as {{ dbt.type_string() }})) as {{ dbt.type_string() }}), '-') || ':' ||
        coalesce(cast({{ part }} as {{ dbt.type_string() }}), '') {{ "|| '|' ||" if not loop.last }}
    {%- endfor -%}
    ) end
{%- endmacro %}

{#
    Whether any table behind an entity (`spend`, `orders`, ...) ever arrived, as a boolean expression: what tells a sum
    of nothing, 0, from a number that nobody can know, null. The tables are those that the configured sources' staging
    models of the entity read, so an adapter's table counts like the generic one.
#}
{% macro is_delivered(entity) -%}
    {%- set observed = source('meta_input', 'observed_through') -%}
    {%- set conditions = ['1 = 0'] -%}
    {%- if execute -%}
        {%- for name in env_var('WAREHOUSE_STAGING_MODELS', '').split(' ') if name.endswith('__' ~ entity) -%}
            {%- for parent in graph.nodes['model.' ~ project_name ~ '.' ~ name].depends_on.nodes if parent in graph.sources -%}
                {%- set table = graph.sources[parent] -%}
                {%- do conditions.append("(source = '" ~ table.source_name ~ "' and table_name = '" ~ table.name ~ "')") -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endif -%}
    (select count(*) > 0 from {{ observed }} where {{ conditions | join(' or ') }})
{%- endmacro %}

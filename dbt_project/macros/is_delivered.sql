{#
    Whether any table behind an entity (`spend`, `orders`, ...) ever arrived, as a boolean expression: what tells a sum
    of nothing, 0, from a number that nobody can know, null. The tables are those that the configured sources' staging
    models of the entity read, so an adapter's table counts like the generic one. Unit tests see no graph; there the
    name of the staging model, stg_<source>__<table>, stands in.
#}
{% macro is_delivered(entity) -%}
    {%- set observed = source('meta_input', 'observed_through') -%}
    {%- set tables = [] -%}
    {%- if execute -%}
        {%- for name in env_var('WAREHOUSE_STAGING_MODELS', '').split(' ') if name.endswith('__' ~ entity) -%}
            {%- if graph.nodes -%}
                {%- for parent in graph.nodes['model.' ~ project_name ~ '.' ~ name].depends_on.nodes if parent in graph.sources -%}
                    {%- do tables.append((graph.sources[parent].source_name, graph.sources[parent].name)) -%}
                {%- endfor -%}
            {%- else -%}
                {%- do tables.append((name.split('__')[0].removeprefix('stg_'), entity)) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    (
        select count(*) > 0
        from {{ observed }}
        where
            1 = 0
            {%- for source_name, table_name in tables %}
            or (source = '{{ source_name }}' and table_name = '{{ table_name }}')
            {%- endfor %}
    )
{%- endmacro %}

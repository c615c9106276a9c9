{#
    Every configured source's staging model of one entity, in the canonical columns.

    The names come from the folder listing (WAREHOUSE_STAGING_MODELS, written by orchestration/project.py), so a
    new vendor is its own folder and no edit here. The canonical columns and types are those of the generic
    source's contract. Without any configured source the result is an empty, typed relation. `lineage` names columns
    (with their types) that staging adds from the lineage of the rows.
#}
{% macro staging_union(entity, generic_source, generic_table, lineage={}) -%}
    {%- set models = [] -%}
    {%- for name in env_var('WAREHOUSE_STAGING_MODELS', '').split(' ') if name.endswith('__' ~ entity) -%}
        {%- do models.append(ref(name)) -%}
    {%- endfor -%}
    {%- if execute -%}
        {%- set types = {} -%}
        {%- set contract = graph.sources['source.' ~ project_name ~ '.' ~ generic_source ~ '.' ~ generic_table] -%}
        {%- for column in contract.columns.values() -%}
            {%- do types.update({column.name: column.data_type}) -%}
        {%- endfor -%}
        {%- do types.update(lineage) -%}
        {%- for model in models %}
    select
        cast(source_system as {{ dbt.type_string() }}) as source_system,
        cast(id_namespace as {{ dbt.type_string() }}) as id_namespace,
        {% for name, data_type in types.items() -%}
        cast({{ name }} as {{ engine_type(data_type) }}) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ model }}
    {{ 'union all' if not loop.last }}
        {%- else %}
    select
        cast(null as {{ dbt.type_string() }}) as source_system,
        cast(null as {{ dbt.type_string() }}) as id_namespace,
        {% for name, data_type in types.items() -%}
        cast(null as {{ engine_type(data_type) }}) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    where 1 = 0
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}

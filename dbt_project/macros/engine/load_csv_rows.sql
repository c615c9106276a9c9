{#
    Rows of a seed into its table: dbt's own macro with another body for Spark, where dbt-spark would write a blank cell
    as the text None and would not escape a quote. Cells come as text or null; every column has a type in _seeds.yml.
#}
{% macro spark__load_csv_rows(model, agate_table) -%}
    {%- set types = model.config.column_types -%}
    {%- for rows in agate_table.rows | batch(1000) -%}
        {%- set insert -%}
        insert into {{ this.render() }} values
            {%- for row in rows %}
            (
                {%- for name in agate_table.column_names -%}
                cast({{ spark_text(row[name]) }} as {{ types[name] }}){{ ', ' if not loop.last }}
                {%- endfor -%}
            ){{ ',' if not loop.last }}
            {%- endfor -%}
        {%- endset -%}
        {%- do adapter.add_query(insert, abridge_sql_log=True) -%}
    {%- endfor -%}
    {{ return('') }}
{%- endmacro %}

{% macro spark_text(cell) -%}
    {%- if cell is none -%} null
    {%- else -%} '{{ cell | string | replace('\\', '\\\\') | replace("'", "\\'") }}'
    {%- endif -%}
{%- endmacro %}

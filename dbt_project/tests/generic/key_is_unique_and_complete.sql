{# Keys that are incomplete or occur more than once; the columns (or expressions) together are the key. #}
{% test key_is_unique_and_complete(model, columns) %}

with final as (
    select
        {{ columns | join(', ') }},
        count(*) as row_count
    from {{ model }}
    group by {{ columns | join(', ') }}
    having
        count(*) > 1
        {%- for column in columns %}
        or {{ column }} is null
        {%- endfor %}
)

select * from final

{% endtest %}

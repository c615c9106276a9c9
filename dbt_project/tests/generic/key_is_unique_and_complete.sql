{# Rows whose key is incomplete or occurs more than once; the columns together are the key. #}
{% test key_is_unique_and_complete(model, columns) %}

with keys as (
    select
        {{ columns | join(', ') }},
        count(*) as row_count
    from {{ model }}
    group by {{ columns | join(', ') }}
),

final as (
    select *
    from keys
    where row_count > 1
        {%- for column in columns %}
        or {{ column }} is null
        {%- endfor %}
)

select * from final

{% endtest %}

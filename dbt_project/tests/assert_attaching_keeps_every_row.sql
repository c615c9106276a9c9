-- Whoever an event belongs to, it is there once: no identity change moves a total.
with row_counts as (
    {%- for entity in ['orders', 'refunds', 'sessions', 'touchpoints', 'interactions', 'cases', 'responses', 'opportunities', 'leads'] %}
    select
        '{{ entity }}' as entity,
        (select count(*) from {{ ref('int_' ~ entity ~ '__unioned') }}) as unioned_row_count,
        (select count(*) from {{ ref('int_' ~ entity ~ '__resolved') }}) as resolved_row_count
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select * from row_counts
where unioned_row_count <> resolved_row_count

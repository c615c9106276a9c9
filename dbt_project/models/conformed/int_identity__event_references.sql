{{ config(materialized='view') }}

-- Every event row that mentions a person, with what it mentions them by. Internal interactions concern no customer.
{% set events = [
    {'type': 'order', 'table': 'orders', 'id': 'order_id', 'occurred_at': 'ordered_at'},
    {'type': 'refund', 'table': 'refunds', 'id': 'refund_id', 'occurred_at': 'refunded_at'},
    {'type': 'session', 'table': 'sessions', 'id': 'session_id', 'occurred_at': 'started_at'},
    {'type': 'touchpoint', 'table': 'touchpoints', 'id': 'touchpoint_id', 'occurred_at': 'occurred_at'},
    {'type': 'interaction', 'table': 'interactions', 'id': 'interaction_id', 'occurred_at': 'started_at',
     'condition': "direction <> 'internal'"},
    {'type': 'case', 'table': 'cases', 'id': 'case_id', 'occurred_at': 'opened_at'},
    {'type': 'response', 'table': 'responses', 'id': 'response_id', 'occurred_at': 'coalesce(sent_at, responded_at)'},
    {'type': 'opportunity', 'table': 'opportunities', 'id': 'opportunity_id',
     'occurred_at': 'coalesce(created_at, closed_at)'},
] %}

with final as (
    {%- for event in events %}
    {%- set identifiers = event_identifiers(event.table) %}
    select
        '{{ event.type }}' as event_type,
        source_system,
        '{{ event.table }}' as source_table,
        {{ event.id }} as event_id,
        {{ event.occurred_at }} as occurred_at,
        id_namespace
        {%- for kind in event_identifiers('events') %},
        {#- Blank is absent: the next identifier decides. #}
        {% if kind in identifiers -%}
        case when trim({{ identifiers[kind] }}) <> '' then {{ identifiers[kind] }} end as {{ kind }}
        {%- else -%}
        cast(null as {{ dbt.type_string() }}) as {{ kind }}
        {%- endif %}
        {%- endfor %}
    from {{ ref('int_' ~ event.table ~ '__unioned') }}
    where coalesce({{ identifiers.values() | join(', ') }}) is not null
        {%- if event.condition %}
        and {{ event.condition }}
        {%- endif %}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select * from final

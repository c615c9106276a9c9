{#
    Attaching event rows to golden customers (identity.md, "Attaching an event row").

    In a model over `int_<entity>__unioned`:

        select orders.*, {{ attached_customer_key('orders') }} as customer_key
        from orders
        {{ attach_customer_joins('orders') }}

    The relation must go by the entity's name. Every identifier that the entity carries is looked up as delivered;
    guarded, ambiguous and unusable values are not in `identifiers`, so the next one decides. Ids mean something
    within their namespace, e-mails and phones everywhere. Each lookup finds one row at most: no event is doubled.
#}
{% macro attach_customer_joins(entity) -%}
    {%- for kind, column in event_identifiers(entity).items() %}
    left join {{ source('identity_output', 'identifiers') }} as by_{{ kind }}
        on by_{{ kind }}.identifier_kind = '{{ kind }}'
        {%- if kind.endswith('_id') %}
        and by_{{ kind }}.id_namespace = {{ entity }}.id_namespace
        {%- endif %}
        and by_{{ kind }}.identifier_value = {{ entity }}.{{ column }}
    {%- endfor %}
{%- endmacro %}

{# The customer of the first identifier that leads to one; null when none does. #}
{% macro attached_customer_key(entity) -%}
    coalesce({% for kind in event_identifiers(entity) %}by_{{ kind }}.customer_key{{ ', ' if not loop.last }}{% endfor %})
{%- endmacro %}

{# Which columns of an entity mention a person: identifier kind to column, in the order in which they decide. #}
{% macro event_identifiers(entity) -%}
    {%- set columns = {
        'orders': {'customer_id': 'customer_id', 'email': 'email'},
        'refunds': {'customer_id': 'customer_id', 'email': 'email'},
        'sessions': {'customer_id': 'customer_id', 'email': 'email'},
        'touchpoints': {'customer_id': 'customer_id', 'contact_id': 'contact_id', 'email': 'email'},
        'interactions': {'contact_id': 'contact_id', 'email': 'customer_email', 'phone': 'customer_phone'},
        'cases': {'contact_id': 'contact_id', 'email': 'customer_email'},
        'responses': {'customer_id': 'customer_id', 'contact_id': 'contact_id', 'email': 'email'},
        'opportunities': {'contact_id': 'contact_id', 'lead_id': 'lead_id'},
        'events': {
            'customer_id': 'customer_id', 'contact_id': 'contact_id', 'lead_id': 'lead_id', 'email': 'email', 'phone': 'phone'
        },
    } -%}
    {{ return(columns[entity]) }}
{%- endmacro %}

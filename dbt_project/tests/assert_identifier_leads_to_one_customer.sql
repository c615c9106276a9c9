-- Attaching joins on these: a second row would double every event that carries the identifier.
select
    identifier_kind,
    count(*) as identifier_count
from (
    select identifier_kind
    from {{ source('identity_output', 'identifiers') }}
    group by identifier_kind, id_namespace, identifier_value
    having count(*) > 1
) as repeated
group by identifier_kind

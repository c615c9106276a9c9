{{ config(severity='warn', meta={'tells': {
    'table': 'core.identity_findings',
    'of': "count(*) filter (where finding_type in ('loyalty_conflict', 'lead_conflict', 'merge_cycle')) || ' conflicts: cxw identity list conflicts'",
}}) }}
-- Evidence that links and contradicts itself: a card of two people, a lead of two contacts, merges in a circle.
select
    finding_type,
    customer_key,
    source_system,
    source_table,
    source_id
from {{ ref('identity_findings') }}
where finding_type in ('loyalty_conflict', 'lead_conflict', 'merge_cycle')

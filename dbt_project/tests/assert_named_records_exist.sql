{{ config(severity='warn', meta={'tells': {
    'table': 'core.identity_findings',
    'of': "count(*) filter (where finding_type in ('orphan_target', 'orphan_mention', 'orphan_decision')) || ' orphans: cxw identity list orphans'",
}}) }}
-- Ids that records, events or decisions name and no record has: late, lost, or never delivered.
select
    finding_type,
    customer_key,
    source_system,
    source_table,
    source_id
from {{ ref('identity_findings') }}
where finding_type in ('orphan_target', 'orphan_mention', 'orphan_decision')

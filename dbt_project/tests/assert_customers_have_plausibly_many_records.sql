{{ config(severity='warn', meta={'tells': {
    'table': 'core.identity_findings',
    'of': "count(*) filter (where finding_type in ('large_customer')) || ' large customers: cxw identity list large'",
}}) }}
-- More records than anybody has: what links them may be shared without looking like it.
select
    finding_type,
    customer_key,
    source_system,
    source_table,
    source_id
from {{ ref('identity_findings') }}
where finding_type in ('large_customer')

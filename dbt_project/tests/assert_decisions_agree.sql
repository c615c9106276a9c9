{{ config(severity='warn', meta={'tells': {
    'table': 'core.identity_findings',
    'of': "count(*) filter (where finding_type in ('contradiction')) || ' sides of contradictions: cxw identity list contradictions'",
}}) }}
-- Records called the same that another decision keeps apart, over a chain of links: different wins until a person says.
select
    finding_type,
    customer_key,
    source_system,
    source_table,
    source_id
from {{ ref('identity_findings') }}
where finding_type in ('contradiction')

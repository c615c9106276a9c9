{{ config(severity='warn', meta={'tells': {
    'table': 'core.identity_findings',
    'of': "count(*) filter (where finding_type in ('shared_identifier')) || ' shared values: cxw identity list shared'",
}}) }}
-- E-mails and phones on many records under several given names (info@, a shop's tablet): they link and attach nothing.
select
    finding_type,
    customer_key,
    source_system,
    source_table,
    source_id
from {{ ref('identity_findings') }}
where finding_type in ('shared_identifier')

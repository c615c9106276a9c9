{{ config(severity='warn', meta={'tells': {
    'table': 'core.identity_findings',
    'of': "count(*) filter (where finding_type in ('shared_identifier')) || ' shared values: cxw identity list shared'",
}}) }}
-- Values on many records under several given names (info@, a shop's tablet, card 000000, an absent contact 0): they link
-- nothing, and an e-mail or phone attaches nothing either.
select
    finding_type,
    customer_key,
    source_system,
    source_table,
    source_id
from {{ ref('identity_findings') }}
where finding_type in ('shared_identifier')

{{ config(severity='warn', meta={'tells': {
    'table': 'core.identity_findings',
    'of': "count(*) filter (where finding_type in ('household')) || ' numbers behind several names: cxw identity list households'",
}}) }}
-- Numbers behind several given names: a household is not a person, only equal names are linked by it.
select
    finding_type,
    customer_key,
    source_system,
    source_table,
    source_id
from {{ ref('identity_findings') }}
where finding_type in ('household')

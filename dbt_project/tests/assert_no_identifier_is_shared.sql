{{ config(severity='warn') }}

-- E-mails and phones on many records under several given names (info@, a shop's tablet): they link and attach nothing.
select
    identifier_kind,
    identifier_hash,
    record_count,
    given_name_count
from {{ source('identity_output', 'shared_identifiers') }}

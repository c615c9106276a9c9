{{ config(severity='warn') }}
-- Contacts whose company is not known or was deleted: their customers count as unassigned unless another contact helps.
select
    records.source_system,
    records.id_namespace,
    records.customer_key
from {{ ref('int_customers__records') }} as records
where records.delivered_account_id is not null
    and records.account_key is null
    and {{ is_delivered('accounts') }}

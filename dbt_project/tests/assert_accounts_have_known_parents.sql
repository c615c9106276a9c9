{{ config(severity='warn') }}
-- Companies whose parent is not known or was deleted, and circles of parents, which are cut at their smallest id.
select
    account_key,
    is_parent_unknown,
    is_in_parent_cycle
from {{ ref('dim_accounts') }}
where is_parent_unknown or is_in_parent_cycle

{{ config(severity='warn') }}
-- Refunds that wait: the order they name has not arrived. They are in no number until it does.
select
    refund_key,
    refunded_date
from {{ ref('fct_refunds') }}
where not is_matched

{{ config(severity='warn') }}
-- Counted orders whose revenue is unknown although their rate is: their lines come late, or their total, tax or
-- shipping is not stated where no lines are delivered.
select
    order_key,
    ordered_date
from {{ ref('fct_orders') }}
where is_counted
    and not is_rate_missing
    and ordered_revenue_amount is null

{{ config(severity='warn') }}
-- Counted orders that got back more than they brought in. The refunds count in full all the same.
select
    order_key,
    ordered_date
from {{ ref('fct_orders') }}
where is_counted
    and refund_amount_by_order_date > ordered_revenue_amount

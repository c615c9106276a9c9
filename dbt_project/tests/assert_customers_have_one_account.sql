{{ config(severity='warn') }}
-- Customers whose contacts name several known companies: all they bought stands with that of the most recent contact.
select
    customer_key,
    count(distinct account_key) as account_count
from {{ ref('int_customers__records') }}
where account_key is not null
group by customer_key
having count(distinct account_key) > 1

{{ config(severity='warn') }}
-- Referred customers whose account names a referrer that no record carries: their value is credited to nobody.
select
    customer_key,
    referred_at
from {{ ref('fct_referrals') }}
where referrer_customer_key is null

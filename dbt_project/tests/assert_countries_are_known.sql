{{ config(severity='warn') }}
-- Records whose country is none of ISO 3166-1 alpha-2, such as UK: they say nothing of their customer's country.
select
    source_system,
    source_table,
    customer_key
from {{ ref('int_customers__records') }}
where delivered_country_code is not null
    and delivered_country_code <> ''
    and country_code is null

-- Who referred whom (shop accounts name the referring account), by golden customer on both sides.
with accounts as (
    select
        referred.customer_key,
        referrers.customer_key as referrer_customer_key,
        accounts.created_at as referred_at,
        accounts.id_namespace,
        accounts.customer_id
    from {{ ref('int_customers__unioned') }} as accounts
    inner join {{ source('identity_output', 'identifiers') }} as referred
        on referred.identifier_kind = 'customer_id'
        and referred.id_namespace = accounts.id_namespace
        and referred.identifier_value = accounts.customer_id
    left join {{ source('identity_output', 'identifiers') }} as referrers
        on referrers.identifier_kind = 'customer_id'
        and referrers.id_namespace = accounts.id_namespace
        and referrers.identifier_value = accounts.referrer_customer_id
    where not accounts.is_deleted and accounts.referrer_customer_id is not null
),

ranked as (
    select
        *,
        row_number() over (
            partition by customer_key
            order by
                case when referrer_customer_key is null then 1 else 0 end,
                referred_at,
                id_namespace,
                customer_id
        ) as naming_rank
    from accounts
    where referrer_customer_key is null or referrer_customer_key <> customer_key
),

final as (
    select
        customer_key,
        referrer_customer_key,
        referred_at
    from ranked
    where naming_rank = 1
)

select * from final

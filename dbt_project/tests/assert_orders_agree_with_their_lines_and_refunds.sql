-- The ladder of every order adds up; its rungs are those of its lines, its refunds those of fct_refunds. Orders are
-- multiplied by their rate once and lines one by one, so they may differ in the 14th decimal and no further.
with lines as (
    select
        order_key,
        sum(gross_revenue_amount) as gross_revenue_amount,
        sum(discount_amount) as discount_amount,
        sum(margin_amount) as margin_amount
    from {{ ref('fct_order_lines') }}
    group by order_key
),

refunds as (
    select
        order_key,
        sum(refund_amount) as refund_amount,
        count(case when is_counted then 1 end) as counted_refund_count
    from {{ ref('fct_refunds') }}
    where order_key is not null and is_matched
    group by order_key
),

compared as (
    select
        orders.order_key,
        case
            when orders.has_lines <> (lines.order_key is not null) then 'has_lines'
            when orders.has_lines and orders.is_rate_missing <> (orders.ordered_revenue_amount is null)
                then 'known revenue'
            when orders.ordered_revenue_amount
                <> orders.gross_revenue_amount - orders.line_discount_amount - orders.order_discount_amount
                then 'ladder'
            when abs(orders.gross_revenue_amount - lines.gross_revenue_amount) > 0.0000001 then 'gross of lines'
            when abs(orders.line_discount_amount - lines.discount_amount) > 0.0000001 then 'discount of lines'
            when abs(orders.gross_margin_amount + orders.order_discount_amount - lines.margin_amount) > 0.0000001
                then 'margin of lines'
            when coalesce(orders.refund_amount_by_order_date, 0) <> coalesce(refunds.refund_amount, 0) then 'refunds'
            when not orders.is_counted and refunds.counted_refund_count > 0 then 'refunds of an uncounted order'
        end as broken_rule
    from {{ ref('fct_orders') }} as orders
    left join lines
        on lines.order_key = orders.order_key
    left join refunds
        on refunds.order_key = orders.order_key
),

final as (
    select
        broken_rule,
        order_key
    from compared
    where broken_rule is not null
)

select * from final

-- The customers of the end are those retained, new or reactivated; those of the start were retained or lost; and the
-- start of a month is the end of the month before. New customers are all still active while the window is a month.
with months as (
    select
        *,
        lag(end_customer_count) over (order by month) as previous_end_customer_count
    from {{ ref('mart_retention__month') }}
),

final as (
    select month
    from months
    where
        end_customer_count <> retained_customer_count + new_active_customer_count + reactivated_customer_count
        or start_customer_count <> retained_customer_count + lost_customer_count
        or start_customer_count <> coalesce(previous_end_customer_count, 0)
        or new_active_customer_count > new_customer_count
        or (active_window_days >= 31 and new_active_customer_count <> new_customer_count)
        or known_inactive_customer_count < reactivated_customer_count
)

select * from final

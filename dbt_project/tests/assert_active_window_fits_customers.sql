{{ config(severity='warn', meta={'tells': {
    'table': 'marts.mart_retention__month',
    'of': "'put active_window_days = ' || max(active_window_days_suggested) || ' into cxw.toml'",
}}) }}
-- The active window in force is more than a third away from what the customers' own rhythm suggests. It stays in force
-- until a person changes it.
with final as (
    select distinct active_window_days, active_window_days_suggested
    from {{ ref('mart_retention__month') }}
    where 3 * abs(active_window_days_suggested - active_window_days) > active_window_days
)

select * from final

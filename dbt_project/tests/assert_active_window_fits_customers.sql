{{ config(severity='warn') }}
-- The active window in force is more than a third away from what the customers' own rhythm suggests. It stays in force
-- until a person changes it; the row is the line to put into cxw.toml.
with final as (
    select distinct
        'active_window_days = ' || cast(active_window_days_suggested as {{ dbt.type_string() }}) as cxw_toml_line
    from {{ ref('mart_retention__month') }}
    where 3 * abs(active_window_days_suggested - active_window_days) > active_window_days
)

select * from final

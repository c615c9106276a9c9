{%- set policies = {
    'ignore_in_threshold':
        ratio('answered_within_threshold_count', 'offered_interaction_count - abandoned_within_threshold_count'),
    'negative': ratio('answered_within_threshold_count', 'offered_interaction_count'),
    'positive':
        ratio('answered_within_threshold_count + abandoned_within_threshold_count', 'offered_interaction_count'),
    'ignore_short':
        ratio('answered_within_threshold_count', 'offered_interaction_count - short_abandoned_interaction_count'),
    'answered_only': ratio('answered_within_threshold_count', 'answered_interaction_count'),
} -%}

with offered as (
    select
        *,
        {{ setting_by_service_channel('service_level_threshold_seconds', 'service_channel') }} as threshold_seconds,
        {{ setting_by_service_channel('short_abandon_seconds', 'service_channel') }} as short_abandon_seconds
    from {{ ref('fct_interactions') }}
    where is_offered
),

-- One column per measure, null where the interaction has no say in it or where it is unknown.
measured as (
    select
        started_date,
        queue,
        service_channel,
        case when is_answered then 1 else 0 end as is_answered,
        case when is_abandoned then 1 else 0 end as is_abandoned,
        case when is_other then 1 else 0 end as is_other,
        case when is_abandoned then cast(queue_seconds <= short_abandon_seconds as integer) end as is_short_abandoned,
        case when is_abandoned then cast(queue_seconds <= threshold_seconds as integer) end
            as is_abandoned_within_threshold,
        case when is_answered then cast(queue_seconds <= threshold_seconds as integer) end
            as is_answered_within_threshold,
        case when is_answered then cast(transfer_count >= 1 as integer) end as is_transferred,
        case when is_answered then cast(hold_seconds > 0 as integer) end as is_held,
        case when is_answered then queue_seconds end as answered_queue_seconds,
        case when is_answered then talk_seconds end as talk_seconds,
        case when is_answered then hold_seconds end as hold_seconds,
        case when is_answered then after_contact_work_seconds end as after_contact_work_seconds,
        case when is_answered then handle_seconds end as handle_seconds
    from offered
),

summed as (
    select
        started_date,
        queue,
        service_channel,
        count(*) as offered_interaction_count,
        sum(is_answered) as answered_interaction_count,
        sum(is_abandoned) as abandoned_interaction_count,
        sum(is_other) as other_interaction_count,
        sum(is_short_abandoned) as short_abandoned_interaction_count,
        sum(is_abandoned_within_threshold) as abandoned_within_threshold_count,
        sum(is_answered_within_threshold) as answered_within_threshold_count,
        sum(is_transferred) as transferred_interaction_count,
        sum(is_held) as held_interaction_count,
        sum(answered_queue_seconds) as answered_queue_seconds,
        sum(talk_seconds) as talk_seconds,
        sum(hold_seconds) as hold_seconds,
        sum(after_contact_work_seconds) as after_contact_work_seconds,
        sum(handle_seconds) as handle_seconds
    from measured
    group by started_date, queue, service_channel
),

counts as (
    select
        started_date,
        queue,
        service_channel,
        offered_interaction_count,
        answered_interaction_count,
        abandoned_interaction_count,
        other_interaction_count,
        {% for column in ['short_abandoned_interaction_count', 'abandoned_within_threshold_count'] -%}
        {{ zero_without_rows(column, 'abandoned_interaction_count') }} as {{ column }},
        {% endfor -%}
        {% for column in [
            'answered_within_threshold_count', 'transferred_interaction_count', 'held_interaction_count',
            'answered_queue_seconds', 'talk_seconds', 'hold_seconds', 'after_contact_work_seconds', 'handle_seconds',
        ] -%}
        {{ zero_without_rows(column, 'answered_interaction_count') }} as {{ column }}{{ ',' if not loop.last }}
        {% endfor %}
    from summed
),

final as (
    select
        cast(queue as {{ dbt.type_string() }}) as queue,
        cast(service_channel as {{ dbt.type_string() }}) as service_channel,
        cast(offered_interaction_count as bigint) as offered_interaction_count,
        cast(answered_interaction_count as bigint) as answered_interaction_count,
        cast(abandoned_interaction_count as bigint) as abandoned_interaction_count,
        cast(short_abandoned_interaction_count as bigint) as short_abandoned_interaction_count,
        cast(answered_interaction_count as bigint) as handled_interaction_count,
        cast(other_interaction_count as bigint) as other_interaction_count,
        cast(answered_within_threshold_count as bigint) as answered_within_threshold_count,
        cast(abandoned_within_threshold_count as bigint) as abandoned_within_threshold_count,
        cast(transferred_interaction_count as bigint) as transferred_interaction_count,
        cast(held_interaction_count as bigint) as held_interaction_count,
        cast(answered_queue_seconds as bigint) as answered_queue_seconds,
        cast(talk_seconds as bigint) as talk_seconds,
        cast(hold_seconds as bigint) as hold_seconds,
        cast(after_contact_work_seconds as bigint) as after_contact_work_seconds,
        cast(handle_seconds as bigint) as handle_seconds,
        {{ ratio('handle_seconds', 'answered_interaction_count') }} as average_handle_time_seconds,
        {{ ratio('answered_queue_seconds', 'answered_interaction_count') }} as average_speed_of_answer_seconds,
        {{ ratio('abandoned_interaction_count', 'offered_interaction_count') }} as abandonment_rate,
        {{ policies[env_var('WAREHOUSE_ABANDON_POLICY')] }} as service_level_rate,
        {% for policy, rate in policies.items() -%}
        {{ rate }} as service_level_rate_{{ policy }},
        {% endfor -%}
        {{ ratio('transferred_interaction_count', 'answered_interaction_count') }} as transfer_rate,
        {{ ratio('held_interaction_count', 'answered_interaction_count') }} as hold_rate,
        cast(started_date as date) as date,
        {{ mart_columns('mart_service__queue_day') }}
    from counts
)

select * from final

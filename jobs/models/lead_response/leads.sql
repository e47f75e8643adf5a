-- Leads with their first response, by the day they came in.
-- A response is an outbound activity of a human with the lead, at or after its creation.
-- The limit of the service level follows from the temperature at creation: the last change at or before it
-- where lead_temperatures has the lead, else the lead's own temperature. No temperature, no limit.
-- Business hours are closed-form: whole business days between the two days, plus what is over of the last,
-- minus what was over of the first.
-- Grain: one row per lead.
WITH touches AS (
    SELECT
        leads.lead_id AS lead_id,
        min(CASE WHEN activities.occurred_at >= leads.created_at THEN activities.occurred_at END) AS responded_at,
        min(CASE WHEN activities.occurred_at < leads.created_at THEN activities.occurred_at END) AS pre_contacted_at,
        sum(
            CASE
                WHEN
                    activities.occurred_at >= leads.created_at
                    AND {{ epoch_us('activities.occurred_at') }} - {{ epoch_us('leads.created_at') }} < {{ hour_us(var('persistence_days') * 24) }}
                    THEN 1
                ELSE 0
            END
        ) AS touches_in_window
    FROM {{ ref('stg_leads') }} AS leads
    INNER JOIN {{ ref('stg_activities') }} AS activities
        ON leads.lead_id = activities.lead_id
    WHERE activities.direction = 'outbound' AND NOT activities.is_automated
    GROUP BY leads.lead_id
),

temperatures AS (
    SELECT
        leads.lead_id AS lead_id,
        lead_temperatures.temperature AS temperature,
        lead_temperatures.changed_at <= leads.created_at AS is_at_creation,
        row_number() OVER (
            PARTITION BY leads.lead_id
            ORDER BY
                CASE WHEN lead_temperatures.changed_at <= leads.created_at THEN 0 ELSE 1 END ASC NULLS LAST,
                lead_temperatures.changed_at DESC NULLS LAST,
                lead_temperatures.temperature ASC NULLS LAST
        ) AS place
    FROM {{ ref('stg_leads') }} AS leads
    INNER JOIN {{ ref('stg_lead_temperatures') }} AS lead_temperatures
        ON leads.lead_id = lead_temperatures.lead_id
),

recorded AS (
    SELECT
        temperatures.lead_id AS lead_id,
        CASE WHEN temperatures.is_at_creation THEN temperatures.temperature END AS temperature
    FROM temperatures
    WHERE temperatures.place = 1
),

joined AS (
    SELECT
        leads.lead_id AS lead_id,
        leads.rep_id AS rep_id,
        leads.source AS source,
        leads.offer AS offer,
        leads.territory AS territory,
        CASE WHEN recorded.lead_id IS NOT NULL THEN recorded.temperature ELSE leads.temperature END AS temperature,
        leads.created_at AS created_at,
        leads.created_on AS created_on,
        leads.converted_on AS converted_on,
        touches.responded_at AS responded_at,
        COALESCE('=' || leads.territory, '') AS calendar,
        {{ local_date('touches.responded_at') }} AS responded_on,
        {{ wall_us('leads.created_at') }} AS created_wall_us,
        {{ wall_us('touches.responded_at') }} AS responded_wall_us,
        CAST(COALESCE(touches.touches_in_window, 0) AS BIGINT) AS touches_in_window,
        touches.responded_at IS NOT NULL AS is_contacted,
        touches.pre_contacted_at IS NOT NULL AS is_pre_contacted,
        {{ epoch_us('touches.responded_at') }} - {{ epoch_us('leads.created_at') }} AS response_us,
        {{ epoch_us(as_of()) }} - {{ epoch_us('leads.created_at') }} AS age_us
    FROM {{ ref('stg_leads') }} AS leads
    LEFT JOIN touches
        ON leads.lead_id = touches.lead_id
    LEFT JOIN recorded
        ON leads.lead_id = recorded.lead_id
),

limited AS (
    SELECT
        joined.lead_id AS lead_id,
        joined.rep_id AS rep_id,
        joined.source AS source,
        joined.offer AS offer,
        joined.territory AS territory,
        joined.temperature AS temperature,
        joined.created_at AS created_at,
        joined.created_on AS created_on,
        joined.converted_on AS converted_on,
        joined.is_contacted AS is_contacted,
        joined.is_pre_contacted AS is_pre_contacted,
        joined.response_us AS response_us,
        joined.age_us AS age_us,
        joined.touches_in_window AS touches_in_window,
        (ends.business_days_before - starts.business_days_before)
        * ({{ hour_us(var('business_day_end')) }} - {{ hour_us(var('business_day_start')) }})
        + ends.business_days * {{ business_us('joined.responded_wall_us') }}
        - starts.business_days * {{ business_us('joined.created_wall_us') }} AS business_us,
        CASE
            WHEN joined.temperature = 'hot' THEN CAST({{ var('sla_hours_hot') }} * 3600000000 AS BIGINT)
            WHEN joined.temperature = 'warm' THEN CAST({{ var('sla_hours_warm') }} * 3600000000 AS BIGINT)
            WHEN joined.temperature = 'cold' THEN CAST({{ var('sla_hours_cold') }} * 3600000000 AS BIGINT)
        END AS limit_us
    FROM joined
    LEFT JOIN {{ ref('business_days') }} AS starts
        ON joined.calendar = starts.calendar AND joined.created_on = starts.day
    LEFT JOIN {{ ref('business_days') }} AS ends
        ON joined.calendar = ends.calendar AND joined.responded_on = ends.day
)

SELECT
    limited.lead_id AS lead_id,
    limited.rep_id AS rep_id,
    limited.source AS source,
    limited.offer AS offer,
    limited.territory AS territory,
    limited.temperature AS temperature,
    CASE
        WHEN limited.response_us IS NULL THEN 'never'
        WHEN limited.response_us <= 300000000 THEN 'within 5 minutes'
        WHEN limited.response_us <= 3600000000 THEN 'within 1 hour'
        WHEN limited.response_us <= 86400000000 THEN 'within 1 day'
        ELSE 'after 1 day'
    END AS response_bucket,
    limited.created_at AS created_at,
    limited.created_on AS created_on,
    limited.is_contacted AS is_contacted,
    NOT limited.is_contacted AS is_never_contacted,
    limited.is_pre_contacted AS is_pre_contacted,
    CAST(limited.response_us AS DOUBLE) / CAST(3600000000 AS DOUBLE) AS response_hours,
    CAST(limited.business_us AS DOUBLE) / CAST(3600000000 AS DOUBLE) AS response_business_hours,
    CASE
        WHEN limited.age_us >= {{ hour_us(var('persistence_days') * 24) }} THEN limited.touches_in_window
    END AS persistence_touches,
    {% for letter in ['a', 'b', 'c', 'd'] -%}
    CAST({{ var('promptness_minutes_' ~ letter) }} AS DOUBLE) / CAST(60 AS DOUBLE) AS promptness_{{ letter }},
    CAST({{ var('persistence_touches_' ~ letter) }} AS DOUBLE) AS persistence_{{ letter }},
    {% endfor -%}
    limited.limit_us IS NOT NULL AND (limited.is_contacted OR limited.age_us > limited.limit_us) AS is_sla_due,
    COALESCE(limited.response_us <= limited.limit_us, FALSE) AS is_within_sla,
    COALESCE(
        limited.converted_on >= limited.created_on
        AND {{ days_between('limited.created_on', 'limited.converted_on') }} < {{ var('conversion_days') }},
        FALSE
    ) AS is_converted
FROM limited

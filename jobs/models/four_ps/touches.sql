-- Touches: outbound activities of humans with a lead, at or after its creation, by the instant at which they happened.
-- What was done before the creation is no touch: those leads are counted in leads_pre_contacted.
-- A touch of a lead that the lead table does not know stays.
-- Grain: one row per touch.
SELECT
    activities.activity_id AS touch_id,
    activities.lead_id AS lead_id,
    activities.rep_id AS rep_id,
    activities.kind AS kind,
    activities.occurred_at AS occurred_at,
    activities.reached IS NOT NULL AS is_reach_known,
    COALESCE(activities.reached, FALSE) AS is_reached,
    CASE WHEN activities.kind IN ('email', 'message') THEN activities.personalized_elements END AS message_elements,
    {% for letter in ['a', 'b', 'c', 'd'] -%}
    CAST({{ var('personalization_elements_' ~ letter) }} AS DOUBLE) AS personalization_{{ letter }},
    CAST({{ var('performance_rate_' ~ letter) }} AS DOUBLE) AS performance_{{ letter }}{{ '' if loop.last else ',' }}
    {% endfor %}
FROM {{ ref('stg_activities') }} AS activities
LEFT JOIN {{ ref('stg_leads') }} AS leads
    ON activities.lead_id = leads.lead_id
WHERE
    activities.lead_id IS NOT NULL
    AND activities.direction = 'outbound'
    AND NOT activities.is_automated
    AND (leads.created_at IS NULL OR activities.occurred_at >= leads.created_at)

-- Leads that went from cold to warm, by the instant at which they did.
-- The time runs from the lead's first change to cold to its first change to warm after it;
-- a lead that goes straight to hot has warmed too. A later relapse makes no second warming.
-- Grain: one row per lead that warmed.
WITH colds AS (
    SELECT
        changes.lead_id AS lead_id,
        min(changes.changed_at) AS cold_at
    FROM {{ ref('stg_lead_temperatures') }} AS changes
    WHERE changes.temperature = 'cold'
    GROUP BY changes.lead_id
),

warmings AS (
    SELECT
        colds.lead_id AS lead_id,
        colds.cold_at AS cold_at,
        min(changes.changed_at) AS warmed_at
    FROM colds
    INNER JOIN {{ ref('stg_lead_temperatures') }} AS changes
        ON colds.lead_id = changes.lead_id
    WHERE changes.temperature IN ('warm', 'hot') AND changes.changed_at > colds.cold_at
    GROUP BY colds.lead_id, colds.cold_at
)

SELECT
    warmings.lead_id AS lead_warming_id,
    warmings.lead_id AS lead_id,
    leads.rep_id AS rep_id,
    warmings.warmed_at AS warmed_at,
    {{ seconds_between('warmings.cold_at', 'warmings.warmed_at') }} / CAST(86400 AS DOUBLE) AS warming_days
FROM warmings
LEFT JOIN {{ ref('stg_leads') }} AS leads
    ON warmings.lead_id = leads.lead_id

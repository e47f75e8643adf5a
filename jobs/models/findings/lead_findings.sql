-- Leads that some number leaves out, or counts apart, and why.
-- Grain: one row per lead and rule.
WITH touched AS (
    SELECT
        activities.lead_id AS lead_id,
        min(activities.occurred_at) AS first_at
    FROM {{ ref('stg_activities') }} AS activities
    WHERE activities.lead_id IS NOT NULL
    GROUP BY activities.lead_id
),

changed AS (
    SELECT
        changes.lead_id AS lead_id,
        min(changes.changed_at) AS first_at
    FROM {{ ref('stg_lead_temperatures') }} AS changes
    GROUP BY changes.lead_id
)

SELECT
    'activity_before_creation' AS rule,
    'crm.leads' AS table_name,
    leads.lead_id AS key,
    leads.created_on AS created_on
FROM {{ ref('stg_leads') }} AS leads
INNER JOIN touched
    ON leads.lead_id = touched.lead_id
WHERE touched.first_at < leads.created_at
UNION ALL
SELECT
    'no_temperature' AS rule,
    'crm.leads' AS table_name,
    leads.lead_id AS key,
    leads.created_on AS created_on
FROM {{ ref('stg_leads') }} AS leads
LEFT JOIN changed
    ON leads.lead_id = changed.lead_id
WHERE leads.temperature IS NULL AND changed.lead_id IS NULL
UNION ALL
SELECT
    'converted_before_created' AS rule,
    'crm.leads' AS table_name,
    leads.lead_id AS key,
    leads.created_on AS created_on
FROM {{ ref('stg_leads') }} AS leads
WHERE leads.converted_at < leads.created_at
UNION ALL
SELECT
    'no_temperature_at_creation' AS rule,
    'crm.leads' AS table_name,
    leads.lead_id AS key,
    leads.created_on AS created_on
FROM {{ ref('stg_leads') }} AS leads
INNER JOIN changed
    ON leads.lead_id = changed.lead_id
WHERE changed.first_at > leads.created_at
UNION ALL
SELECT
    'created_before_calendar' AS rule,
    'crm.leads' AS table_name,
    leads.lead_id AS key,
    leads.created_on AS created_on
FROM {{ ref('stg_leads') }} AS leads
WHERE leads.created_on < {{ day(var('time_spine_start')) }}

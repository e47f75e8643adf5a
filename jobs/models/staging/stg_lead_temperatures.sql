-- Changes of a lead's temperature before as-of.
SELECT
    CAST(lead_temperatures.lead_id AS VARCHAR) AS lead_id,
    CAST(lead_temperatures.temperature AS VARCHAR) AS temperature,
    lead_temperatures.changed_at AS changed_at
FROM {{ source('crm', 'lead_temperatures') }} AS lead_temperatures
WHERE {{ seen_at('lead_temperatures.changed_at') }}

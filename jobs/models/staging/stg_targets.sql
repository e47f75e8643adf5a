-- Targets of metrics by grain and period.
SELECT
    CAST(targets.metric AS VARCHAR) AS metric,
    CAST(targets.grain AS VARCHAR) AS grain,
    CAST(targets.period_start AS DATE) AS period_start,
    CAST(targets.team AS VARCHAR) AS team,
    CAST(targets.territory AS VARCHAR) AS territory,
    CAST(targets.target AS DECIMAL(18, 2)) AS target
FROM {{ source('crm', 'targets') }} AS targets

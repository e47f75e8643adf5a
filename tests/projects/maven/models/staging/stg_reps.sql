-- Reps, from sales_teams: one version each, valid always. The regional office is the territory; teams have no name.
-- Trap: five agents have no deal; they are reps, and in no figure.
SELECT
    CAST(sales_teams.sales_agent AS VARCHAR) AS rep_id,
    CASE WHEN 1 = 0 THEN {{ instant('1970-01-01T00:00:00Z') }} END AS valid_from,
    CASE WHEN 1 = 0 THEN {{ instant('1970-01-01T00:00:00Z') }} END AS valid_to,
    CAST(sales_teams.sales_agent AS VARCHAR) AS name,
    CAST(NULL AS VARCHAR) AS team,
    CAST(sales_teams.manager AS VARCHAR) AS manager,
    CAST(sales_teams.regional_office AS VARCHAR) AS territory,
    CAST(NULL AS DATE) AS hired_on
FROM {{ source('maven', 'sales_teams') }} AS sales_teams

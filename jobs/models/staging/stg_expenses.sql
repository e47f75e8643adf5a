-- Postings of the days that have begun at as-of.
SELECT
    CAST(expenses.expense_id AS VARCHAR) AS expense_id,
    CAST(expenses.incurred_on AS DATE) AS incurred_on,
    CAST(expenses.function AS VARCHAR) AS function_name,
    CAST(expenses.team AS VARCHAR) AS team,
    CAST(expenses.territory AS VARCHAR) AS territory,
    CAST(expenses.amount AS DECIMAL(18, 2)) AS amount,
    COALESCE(CAST(expenses.currency AS VARCHAR), '{{ var("reporting_currency") }}') AS currency
FROM {{ source('crm', 'expenses') }} AS expenses
WHERE {{ seen_on('expenses.incurred_on') }}

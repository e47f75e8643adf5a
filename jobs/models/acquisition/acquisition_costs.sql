-- Sales and marketing postings, in the reporting currency at the rate of their day.
-- counted_on is the day on which a posting counts against new customers: var cac_lag_months after its own.
-- Grain: one row per posting.
SELECT
    expenses.expense_id AS expense_id,
    expenses.function_name AS function_name,
    expenses.team AS team,
    expenses.territory AS territory,
    expenses.incurred_on AS incurred_on,
    {{ add_months('expenses.incurred_on', var('cac_lag_months')) }} AS counted_on,
    {{ convert('expenses.amount', 'rates.rate') }} AS amount
FROM {{ ref('stg_expenses') }} AS expenses
LEFT JOIN {{ ref('exchange_rates') }} AS rates
    ON expenses.currency = rates.currency AND expenses.incurred_on = rates.day
WHERE expenses.function_name IN ('sales', 'marketing')

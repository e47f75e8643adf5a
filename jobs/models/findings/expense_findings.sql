-- Postings whose amount no cost has, because their currency has no rate on the day.
-- Grain: one row per posting and rule.
SELECT
    'amount_without_rate' AS rule,
    'crm.expenses' AS table_name,
    expenses.expense_id AS key
FROM {{ ref('stg_expenses') }} AS expenses
LEFT JOIN {{ ref('exchange_rates') }} AS rates
    ON expenses.currency = rates.currency AND expenses.incurred_on = rates.day
WHERE expenses.amount IS NOT NULL AND rates.rate IS NULL

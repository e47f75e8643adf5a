-- Deals that were won or lost, by the day they closed.
-- In: every kind of deal with its status now. Out: amounts in the reporting currency at the rate of closed_on.
-- A deal that closed before it was created has no duration; it stays in every count.
-- Grain: one row per closed deal.
WITH deals AS (
    SELECT
        opportunities.opportunity_id AS opportunity_id,
        opportunities.customer_id AS customer_id,
        opportunities.rep_id AS rep_id,
        opportunities.product_id AS product_id,
        opportunities.kind AS kind,
        opportunities.channel AS channel,
        opportunities.status AS outcome,
        opportunities.closed_at AS closed_at,
        opportunities.closed_on AS closed_on,
        opportunities.amount AS amount,
        opportunities.currency AS currency,
        CASE
            WHEN opportunities.closed_at >= opportunities.created_at
                THEN {{ seconds_between('opportunities.created_at', 'opportunities.closed_at') }} / CAST(86400 AS DOUBLE)
        END AS duration_days
    FROM {{ ref('stg_opportunities') }} AS opportunities
    WHERE opportunities.status IN ('won', 'lost')
),

priced AS (
    SELECT
        deals.opportunity_id AS opportunity_id,
        deals.customer_id AS customer_id,
        deals.rep_id AS rep_id,
        deals.product_id AS product_id,
        deals.kind AS kind,
        deals.channel AS channel,
        deals.outcome AS outcome,
        deals.closed_at AS closed_at,
        deals.closed_on AS closed_on,
        deals.duration_days AS duration_days,
        {{ convert('deals.amount', 'rates.rate') }} AS amount
    FROM deals
    LEFT JOIN {{ ref('exchange_rates') }} AS rates
        ON deals.currency = rates.currency AND deals.closed_on = rates.day
)

SELECT
    priced.opportunity_id AS opportunity_id,
    priced.opportunity_id AS deal_id,
    priced.customer_id AS customer_id,
    priced.rep_id AS rep_id,
    priced.product_id AS product_id,
    priced.kind AS kind,
    priced.channel AS channel,
    priced.outcome AS outcome,
    CASE
        WHEN priced.duration_days < CAST(15 AS DOUBLE) THEN 'under 15 days'
        WHEN priced.duration_days < CAST(30 AS DOUBLE) THEN '15 to 29 days'
        WHEN priced.duration_days < CAST(60 AS DOUBLE) THEN '30 to 59 days'
        WHEN priced.duration_days < CAST(90 AS DOUBLE) THEN '60 to 89 days'
        WHEN priced.duration_days >= CAST(90 AS DOUBLE) THEN '90 days or more'
    END AS cycle_bucket,
    priced.closed_at AS closed_at,
    priced.closed_on AS closed_on,
    priced.outcome = 'won' AS is_won,
    priced.outcome = 'lost' AS is_lost,
    CASE WHEN priced.outcome = 'won' THEN priced.duration_days END AS cycle_days,
    CASE
        WHEN priced.outcome = 'won' AND priced.amount > CAST(0 AS DECIMAL(38, 6)) THEN priced.amount
    END AS deal_size,
    CASE WHEN priced.amount > CAST(0 AS DECIMAL(38, 6)) THEN priced.amount END AS closed_value,
    CASE
        WHEN priced.amount > CAST(0 AS DECIMAL(38, 6)) AND priced.outcome = 'won' THEN priced.amount
        WHEN priced.amount > CAST(0 AS DECIMAL(38, 6)) THEN CAST(0 AS DECIMAL(38, 6))
    END AS won_value
FROM priced

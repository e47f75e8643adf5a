-- Deals that entered the pipeline (+1) and left it (-1), so that running sums say what is open.
-- A deal enters when it was created and leaves when it closed; one that closed before it was created
-- leaves in the instant in which it enters, and is never open. A re-opened deal has not left.
-- Both movements have the amount at the rate of the day of creation: a rate alone moves nothing.
-- A deal without an amount, or without a rate for it, moves the count and no money.
-- Grain: one row per deal and movement.
WITH priced AS (
    SELECT
        opportunities.opportunity_id AS opportunity_id,
        opportunities.customer_id AS customer_id,
        opportunities.product_id AS product_id,
        opportunities.created_at AS created_at,
        opportunities.closed_at AS closed_at,
        COALESCE({{ convert('opportunities.amount', 'rates.rate') }}, CAST(0 AS DECIMAL(38, 6))) AS amount
    FROM {{ ref('stg_opportunities') }} AS opportunities
    LEFT JOIN {{ ref('exchange_rates') }} AS rates
        ON opportunities.currency = rates.currency AND opportunities.created_on = rates.day
),

movements AS (
    SELECT
        priced.opportunity_id || '#opened' AS pipeline_movement_id,
        priced.opportunity_id AS deal_id,
        priced.customer_id AS customer_id,
        priced.product_id AS product_id,
        priced.created_at AS moved_at,
        1 AS change,
        priced.amount AS amount_change
    FROM priced
    UNION ALL
    SELECT
        priced.opportunity_id || '#closed' AS pipeline_movement_id,
        priced.opportunity_id AS deal_id,
        priced.customer_id AS customer_id,
        priced.product_id AS product_id,
        CASE WHEN priced.closed_at > priced.created_at THEN priced.closed_at ELSE priced.created_at END AS moved_at,
        -1 AS change,
        CAST(0 AS DECIMAL(38, 6)) - priced.amount AS amount_change
    FROM priced
    WHERE priced.closed_at IS NOT NULL
)

SELECT
    movements.pipeline_movement_id AS pipeline_movement_id,
    movements.deal_id AS deal_id,
    movements.customer_id AS customer_id,
    movements.product_id AS product_id,
    movements.moved_at AS moved_at,
    movements.change AS change,
    CAST(movements.amount_change AS DECIMAL(38, 6)) AS amount_change,
    movements.change = 1 AS is_opened
FROM movements

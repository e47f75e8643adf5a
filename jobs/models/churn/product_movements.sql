-- Starts (+1) and lapses (-1) of a customer's subscriptions to a product, gaps of at most var grace_days left out.
-- A lapse is dated at the end of service: its day is the first without.
-- Grain: one row per customer, product and day with a start or a lapse.
WITH spells AS (
    {{ service_spells(ref('services'), ['customer_id', 'product_id']) }}
),

movements AS (
    SELECT
        spells.customer_id AS customer_id,
        spells.product_id AS product_id,
        spells.started_on AS moved_on,
        CASE WHEN spells.spell_number = 1 THEN 'start' ELSE 'reactivation' END AS kind,
        1 AS change
    FROM spells
    UNION ALL
    SELECT
        spells.customer_id AS customer_id,
        spells.product_id AS product_id,
        spells.ended_on AS moved_on,
        'lapse' AS kind,
        -1 AS change
    FROM spells
    WHERE spells.ended_on IS NOT NULL
)

SELECT
    movements.customer_id || '#' || COALESCE(movements.product_id, '') || '#' || CAST(movements.moved_on AS VARCHAR) AS product_movement_id,
    movements.customer_id AS customer_id,
    movements.product_id AS product_id,
    movements.moved_on AS moved_on,
    movements.kind AS kind,
    movements.change AS change,
    movements.kind = 'lapse' AS is_lapse
FROM movements

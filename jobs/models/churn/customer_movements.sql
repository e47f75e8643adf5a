-- Starts (+1) and lapses (-1) of a customer, gaps of at most var grace_days left out.
-- A lapse is dated at the end of service: its day is the first without.
-- The reason of a lapse is that of the subscription that ended on its day, of the highest tier among several.
-- Grain: one row per customer and day with a start or a lapse.
WITH spells AS (
    {{ service_spells(ref('services'), ['customer_id']) }}
),

ended AS (
    SELECT
        services.customer_id AS customer_id,
        services.ended_on AS ended_on,
        services.end_reason AS end_reason,
        row_number() OVER (
            PARTITION BY services.customer_id, services.ended_on
            ORDER BY services.tier DESC NULLS LAST, services.subscription_id ASC NULLS LAST
        ) AS place
    FROM {{ ref('services') }} AS services
    WHERE services.ended_on IS NOT NULL
),

movements AS (
    SELECT
        spells.customer_id AS customer_id,
        spells.started_on AS moved_on,
        CASE WHEN spells.spell_number = 1 THEN 'start' ELSE 'reactivation' END AS kind,
        CAST(NULL AS VARCHAR) AS end_reason,
        1 AS change
    FROM spells
    UNION ALL
    SELECT
        spells.customer_id AS customer_id,
        spells.ended_on AS moved_on,
        'lapse' AS kind,
        ended.end_reason AS end_reason,
        -1 AS change
    FROM spells
    LEFT JOIN ended
        ON spells.customer_id = ended.customer_id AND spells.ended_on = ended.ended_on AND ended.place = 1
    WHERE spells.ended_on IS NOT NULL
)

SELECT
    movements.customer_id || '#' || CAST(movements.moved_on AS VARCHAR) AS customer_movement_id,
    movements.customer_id AS customer_id,
    movements.moved_on AS moved_on,
    movements.kind AS kind,
    movements.end_reason AS end_reason,
    movements.change AS change,
    movements.kind = 'lapse' AS is_lapse,
    movements.kind = 'reactivation' AS is_reactivation
FROM movements

-- Movements of monthly recurring revenue: what each day changed for a customer in a product family.
-- new: the customer's first service; reactivation: a service after a lapse; churn: the customer lapses;
-- cross_sell: a family never held before; upsell: a tier above every tier of the family that was held the day
-- before or ended within var grace_days; expansion and contraction: every other change up and down.
-- A service without a family is neither upsell nor cross-sell.
-- Product, rep and end_reason are those of the highest tier that started on the day, else of the highest that ended;
-- team and territory are those of the rep's version at the midnight that opens the day.
-- The movements of a customer sum to its MRR: mrr_reconciliation asserts it.
-- Grain: one row per customer, product family and day with a start or an end of service.
WITH services AS (
    SELECT
        services.subscription_id AS subscription_id,
        services.customer_id AS customer_id,
        services.product_id AS product_id,
        services.rep_id AS rep_id,
        services.family AS family,
        COALESCE(services.family, '(none)') AS family_key,
        services.tier AS tier,
        services.started_on AS started_on,
        services.ended_on AS ended_on,
        services.end_reason AS end_reason,
        services.mrr AS mrr
    FROM {{ ref('services') }} AS services
    WHERE services.customer_id IS NOT NULL
),

spells AS (
    {{ service_spells(ref('services'), ['customer_id']) }}
),

events AS (
    SELECT
        services.subscription_id AS subscription_id,
        services.customer_id AS customer_id,
        services.family AS family,
        services.family_key AS family_key,
        services.product_id AS product_id,
        services.rep_id AS rep_id,
        services.tier AS tier,
        services.started_on AS moved_on,
        CAST(NULL AS VARCHAR) AS end_reason,
        1 AS is_start,
        services.tier AS started_tier,
        services.mrr AS amount
    FROM services
    UNION ALL
    SELECT
        services.subscription_id AS subscription_id,
        services.customer_id AS customer_id,
        services.family AS family,
        services.family_key AS family_key,
        services.product_id AS product_id,
        services.rep_id AS rep_id,
        services.tier AS tier,
        services.ended_on AS moved_on,
        services.end_reason AS end_reason,
        0 AS is_start,
        CAST(NULL AS INTEGER) AS started_tier,
        -services.mrr AS amount
    FROM services
    WHERE services.ended_on IS NOT NULL
),

ranked AS (
    SELECT
        events.customer_id AS customer_id,
        events.family_key AS family_key,
        events.moved_on AS moved_on,
        events.family AS family,
        events.product_id AS product_id,
        events.rep_id AS rep_id,
        events.end_reason AS end_reason,
        row_number() OVER (
            PARTITION BY events.customer_id, events.family_key, events.moved_on
            ORDER BY
                events.is_start DESC NULLS LAST,
                events.tier DESC NULLS LAST,
                events.subscription_id ASC NULLS LAST
        ) AS place
    FROM events
),

changes AS (
    SELECT
        events.customer_id AS customer_id,
        events.family_key AS family_key,
        events.moved_on AS moved_on,
        max(events.is_start) AS has_start,
        max(events.started_tier) AS started_tier,
        sum(events.amount) AS amount
    FROM events
    GROUP BY events.customer_id, events.family_key, events.moved_on
),

held AS (
    SELECT
        changes.customer_id AS customer_id,
        changes.family_key AS family_key,
        changes.moved_on AS moved_on,
        max(
            CASE
                WHEN
                    services.ended_on IS NULL
                    OR {{ days_between('services.ended_on', 'changes.moved_on') }} <= {{ var('grace_days') }}
                    THEN services.tier
            END
        ) AS held_tier
    FROM changes
    INNER JOIN services
        ON
            changes.customer_id = services.customer_id
            AND changes.family_key = services.family_key
            AND services.started_on < changes.moved_on
    GROUP BY changes.customer_id, changes.family_key, changes.moved_on
),

classified AS (
    SELECT
        changes.customer_id AS customer_id,
        changes.family_key AS family_key,
        changes.moved_on AS moved_on,
        changes.amount AS amount,
        CASE
            WHEN spells.started_on = changes.moved_on AND spells.spell_number = 1 THEN 'new'
            WHEN spells.started_on = changes.moved_on THEN 'reactivation'
            WHEN spells.ended_on = changes.moved_on THEN 'churn'
            WHEN changes.has_start = 1 AND changes.family_key <> '(none)' AND held.customer_id IS NULL THEN 'cross_sell'
            WHEN changes.family_key <> '(none)' AND changes.started_tier > held.held_tier THEN 'upsell'
            WHEN changes.amount < CAST(0 AS DECIMAL(38, 6)) THEN 'contraction'
            ELSE 'expansion'
        END AS kind
    FROM changes
    LEFT JOIN held
        ON
            changes.customer_id = held.customer_id
            AND changes.family_key = held.family_key
            AND changes.moved_on = held.moved_on
    INNER JOIN spells
        ON
            changes.customer_id = spells.customer_id
            AND spells.started_on <= changes.moved_on
            AND (spells.ended_on IS NULL OR spells.ended_on >= changes.moved_on)
),

movements AS (
    SELECT
        classified.customer_id AS customer_id,
        classified.family_key AS family_key,
        classified.moved_on AS moved_on,
        ranked.product_id AS product_id,
        ranked.rep_id AS rep_id,
        ranked.family AS family,
        ranked.end_reason AS end_reason,
        classified.kind AS kind,
        classified.kind IN ('upsell', 'cross_sell', 'expansion', 'contraction') AS is_change,
        classified.amount AS amount
    FROM classified
    INNER JOIN ranked
        ON
            classified.customer_id = ranked.customer_id
            AND classified.family_key = ranked.family_key
            AND classified.moved_on = ranked.moved_on
            AND ranked.place = 1
)

SELECT
    movements.customer_id || '#' || movements.family_key || '#' || CAST(movements.moved_on AS VARCHAR) AS mrr_movement_id,
    movements.customer_id AS customer_id,
    movements.product_id AS product_id,
    movements.rep_id AS rep_id,
    spans.team AS team,
    spans.territory AS territory,
    movements.family AS family,
    movements.moved_on AS moved_on,
    movements.kind AS kind,
    movements.end_reason AS end_reason,
    movements.amount AS amount,
    CASE WHEN movements.kind = 'upsell' THEN movements.customer_id END AS upsell_customer_id,
    CASE WHEN movements.kind = 'cross_sell' THEN movements.customer_id END AS cross_sell_customer_id,
    {{ where_or_zero("movements.kind = 'upsell'", 'movements.amount') }} AS upsell_amount,
    {{ where_or_zero("movements.kind = 'cross_sell'", 'movements.amount') }} AS cross_sell_amount,
    {{ where_or_zero("movements.kind = 'new'", 'movements.amount') }} AS new_amount,
    {{ where_or_zero("movements.kind = 'new'", at_margin('movements.amount')) }} AS new_margin_amount,
    {{ where_or_zero("movements.kind = 'reactivation'", 'movements.amount') }} AS reactivation_amount,
    {{ where_or_zero("movements.is_change AND movements.amount > CAST(0 AS DECIMAL(38, 6))", 'movements.amount') }} AS expansion_amount,
    {{ where_or_zero("movements.is_change AND movements.amount < CAST(0 AS DECIMAL(38, 6))", '-movements.amount') }} AS contraction_amount,
    {{ where_or_zero("movements.kind = 'churn'", '-movements.amount') }} AS churned_amount
FROM movements
LEFT JOIN {{ ref('rep_spans') }} AS spans
    ON
        {{ holds_at('movements.rep_id', local_midnight('movements.moved_on')) }}

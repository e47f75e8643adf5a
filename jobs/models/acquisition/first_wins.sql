-- The first time that a customer was won: the first ever of won deal, order line of positive quantity
-- and start of a subscription (at the midnight that opens its day; it comes first among equals).
-- Team and territory are those of the rep's version at that instant.
-- Grain: one row per customer that was ever won.
WITH wins AS (
    SELECT
        subscriptions.customer_id AS customer_id,
        subscriptions.rep_id AS rep_id,
        subscriptions.product_id AS product_id,
        {{ local_midnight('subscriptions.started_on') }} AS won_at,
        subscriptions.started_on AS won_on,
        1 AS source_order,
        subscriptions.subscription_id AS source_id
    FROM {{ ref('stg_subscriptions') }} AS subscriptions
    UNION ALL
    SELECT
        opportunities.customer_id AS customer_id,
        opportunities.rep_id AS rep_id,
        opportunities.product_id AS product_id,
        opportunities.closed_at AS won_at,
        opportunities.closed_on AS won_on,
        2 AS source_order,
        opportunities.opportunity_id AS source_id
    FROM {{ ref('stg_opportunities') }} AS opportunities
    WHERE opportunities.status = 'won'
    UNION ALL
    SELECT
        order_lines.customer_id AS customer_id,
        order_lines.rep_id AS rep_id,
        order_lines.product_id AS product_id,
        order_lines.ordered_at AS won_at,
        order_lines.ordered_on AS won_on,
        3 AS source_order,
        order_lines.order_id || '#' || CAST(order_lines.line_number AS VARCHAR) AS source_id
    FROM {{ ref('stg_order_lines') }} AS order_lines
    WHERE order_lines.quantity > 0
),

ranked AS (
    SELECT
        wins.customer_id AS customer_id,
        wins.rep_id AS rep_id,
        wins.product_id AS product_id,
        wins.won_at AS won_at,
        wins.won_on AS won_on,
        row_number() OVER (
            PARTITION BY wins.customer_id
            ORDER BY
                wins.won_at ASC NULLS LAST,
                wins.source_order ASC NULLS LAST,
                wins.source_id ASC NULLS LAST
        ) AS place
    FROM wins
    WHERE wins.customer_id IS NOT NULL
),

firsts AS (
    SELECT
        ranked.customer_id AS customer_id,
        ranked.rep_id AS rep_id,
        ranked.product_id AS product_id,
        ranked.won_at AS won_at,
        ranked.won_on AS won_on
    FROM ranked
    WHERE ranked.place = 1
)

SELECT
    firsts.customer_id AS first_win_id,
    firsts.customer_id AS customer_id,
    firsts.rep_id AS rep_id,
    firsts.product_id AS product_id,
    spans.team AS team,
    spans.territory AS territory,
    firsts.won_at AS won_at,
    firsts.won_on AS won_on
FROM firsts
LEFT JOIN {{ ref('rep_spans') }} AS spans
    ON
        {{ holds_at('firsts.rep_id', 'firsts.won_at') }}

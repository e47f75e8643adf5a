-- Which products go together: for each ordered pair of products that some customer has, how many customers each day added
-- to those who have the first, the second, both, and any product at all.
-- The question is what was ever bought together, not what is in service now.
-- Grain: one row per ordered pair of products and day on which one of the four numbers grew.
WITH matches AS (
    SELECT
        base.product_id AS product_id,
        attached.product_id AS attached_product_id,
        GREATEST(base.held_on, attached.held_on) AS day
    FROM {{ ref('product_holdings') }} AS base
    INNER JOIN {{ ref('product_holdings') }} AS attached
        ON base.customer_id = attached.customer_id AND base.product_id <> attached.product_id
),

pairs AS (
    SELECT DISTINCT
        matches.product_id AS product_id,
        matches.attached_product_id AS attached_product_id
    FROM matches
),

first_days AS (
    SELECT
        held.customer_id AS customer_id,
        min(held.held_on) AS day
    FROM {{ ref('product_holdings') }} AS held
    GROUP BY held.customer_id
),

newcomers AS (
    SELECT
        first_days.day AS day,
        count(*) AS customers
    FROM first_days
    GROUP BY first_days.day
),

holders AS (
    SELECT
        held.product_id AS product_id,
        held.held_on AS day,
        count(*) AS customers
    FROM {{ ref('product_holdings') }} AS held
    GROUP BY held.product_id, held.held_on
),

counts AS (
    SELECT
        pairs.product_id AS product_id,
        pairs.attached_product_id AS attached_product_id,
        newcomers.day AS day,
        newcomers.customers AS any_customers,
        CAST(0 AS BIGINT) AS base_customers,
        CAST(0 AS BIGINT) AS attached_customers,
        CAST(0 AS BIGINT) AS both_customers
    FROM pairs
    CROSS JOIN newcomers
    UNION ALL
    SELECT
        pairs.product_id AS product_id,
        pairs.attached_product_id AS attached_product_id,
        holders.day AS day,
        CAST(0 AS BIGINT) AS any_customers,
        holders.customers AS base_customers,
        CAST(0 AS BIGINT) AS attached_customers,
        CAST(0 AS BIGINT) AS both_customers
    FROM pairs
    INNER JOIN holders
        ON pairs.product_id = holders.product_id
    UNION ALL
    SELECT
        pairs.product_id AS product_id,
        pairs.attached_product_id AS attached_product_id,
        holders.day AS day,
        CAST(0 AS BIGINT) AS any_customers,
        CAST(0 AS BIGINT) AS base_customers,
        holders.customers AS attached_customers,
        CAST(0 AS BIGINT) AS both_customers
    FROM pairs
    INNER JOIN holders
        ON pairs.attached_product_id = holders.product_id
    UNION ALL
    SELECT
        matches.product_id AS product_id,
        matches.attached_product_id AS attached_product_id,
        matches.day AS day,
        CAST(0 AS BIGINT) AS any_customers,
        CAST(0 AS BIGINT) AS base_customers,
        CAST(0 AS BIGINT) AS attached_customers,
        CAST(1 AS BIGINT) AS both_customers
    FROM matches
)

SELECT
    counts.product_id || '#' || counts.attached_product_id || '#' || CAST(counts.day AS VARCHAR) AS attach_pair_id,
    counts.product_id AS product_id,
    counts.attached_product_id AS attached_product_id,
    counts.day AS grown_on,
    CAST(sum(counts.any_customers) AS BIGINT) AS any_customers,
    CAST(sum(counts.base_customers) AS BIGINT) AS base_customers,
    CAST(sum(counts.attached_customers) AS BIGINT) AS attached_customers,
    CAST(sum(counts.both_customers) AS BIGINT) AS both_customers
FROM counts
GROUP BY counts.product_id, counts.attached_product_id, counts.day

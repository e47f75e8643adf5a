-- Subscriptions that have started at as-of; one that ends later still runs.
-- One that ends on the day it started, or before, served on no day and is left out.
SELECT
    CAST(subscriptions.subscription_id AS VARCHAR) AS subscription_id,
    CAST(subscriptions.customer_id AS VARCHAR) AS customer_id,
    CAST(subscriptions.product_id AS VARCHAR) AS product_id,
    CAST(subscriptions.rep_id AS VARCHAR) AS rep_id,
    CAST(subscriptions.started_on AS DATE) AS started_on,
    CASE WHEN {{ seen_on('subscriptions.ended_on') }} THEN CAST(subscriptions.ended_on AS DATE) END AS ended_on,
    CAST(subscriptions.mrr AS DECIMAL(18, 2)) AS mrr,
    COALESCE(CAST(subscriptions.currency AS VARCHAR), '{{ var("reporting_currency") }}') AS currency,
    CASE WHEN {{ seen_on('subscriptions.ended_on') }} THEN CAST(subscriptions.end_reason AS VARCHAR) END AS end_reason
FROM {{ source('crm', 'subscriptions') }} AS subscriptions
WHERE
    {{ seen_on('subscriptions.started_on') }}
    AND (subscriptions.ended_on IS NULL OR subscriptions.ended_on > subscriptions.started_on)

-- Products. Grain: one row per product.
SELECT
    products.product_id AS product_id,
    products.name AS name,
    products.family AS family,
    products.tier AS tier
FROM {{ ref('stg_products') }} AS products

-- Products, as they are now.
SELECT
    CAST(products.product_id AS VARCHAR) AS product_id,
    CAST(products.name AS VARCHAR) AS name,
    CAST(products.family AS VARCHAR) AS family,
    CAST(products.tier AS INTEGER) AS tier
FROM {{ source('crm', 'products') }} AS products

-- Products; the tier is the rank by list price within the series.
SELECT
    CAST(products.product AS VARCHAR) AS product_id,
    CAST(products.product AS VARCHAR) AS name,
    CAST(products.series AS VARCHAR) AS family,
    CAST(rank() OVER (
        PARTITION BY products.series
        ORDER BY products.sales_price ASC NULLS LAST
    ) AS INTEGER) AS tier
FROM {{ source('maven', 'products') }} AS products

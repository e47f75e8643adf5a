SELECT
    deal_id,
    CAST(amount AS VARCHAR) AS amount_text,
    CAST(units AS VARCHAR) AS units_text,
    CAST(closed_on AS VARCHAR) AS closed_text,
    CAST(won AS VARCHAR) AS won_text
FROM "deals"

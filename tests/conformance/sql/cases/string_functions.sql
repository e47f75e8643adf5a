SELECT
    deal_id,
    lower(customer) AS small,
    upper(stage) AS large,
    trim(customer) AS trimmed,
    length(customer) AS characters,
    substr(customer, 1, 2) AS two,
    substring(customer, 3) AS rest,
    replace(customer, ' ', '_') AS replaced
FROM "deals"

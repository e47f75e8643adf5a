SELECT rep_id, bool_or(won) AS any_won, bool_and(won) AS all_won, bool_or(units > 6) AS any_large
FROM "deals"
GROUP BY rep_id

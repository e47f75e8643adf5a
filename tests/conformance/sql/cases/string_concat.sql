-- a null operand makes || null, in brackets too
SELECT deal_id, rep_id || ':' || deal_id AS key, concat('[', deal_id, ']') AS boxed, deal_id || CAST(units AS VARCHAR) AS numbered,
    '<' || (rep_id || ('#' || CAST(units AS VARCHAR))) || '>' || COALESCE(rep_id || '!', '-') AS nested
FROM "deals"

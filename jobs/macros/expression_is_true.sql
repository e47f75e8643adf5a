{# The data test of this name, for dbt, which has it in no package of its own: rows of which a condition is false. #}
{# Null passes; after a column, the condition starts with an operator. #}
{% macro test_expression_is_true(model, expression, column_name=none) %}
SELECT 1 AS found
FROM {{ model }} AS tested
WHERE NOT ({{ column_name if column_name else '' }} {{ expression }})
{% endmacro %}

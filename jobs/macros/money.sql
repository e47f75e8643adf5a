{# A money product rounded to six decimals, half to even, as DECIMAL(38, 6). #}
{% macro round_money(expression) %}
{%- if target.type == 'polars' -%} CAST(round_half_even({{ expression }}, 6) AS DECIMAL(38, 6))
{%- elif target.type == 'spark' -%} CAST(bround({{ expression }}, 6) AS DECIMAL(38, 6))
{%- else -%} CAST(round_even({{ expression }}, 6) AS DECIMAL(38, 6))
{%- endif -%}
{% endmacro %}

{# An amount at a rate to the reporting currency: null where either is null. #}
{% macro convert(amount, rate) %}{{ round_money("CAST(" ~ amount ~ " AS DECIMAL(20, 2)) * CAST(" ~ rate ~ " AS DECIMAL(16, 8))") }}{% endmacro %}

{# What is left of recurring revenue after the cost of serving it: an amount times var gross_margin. #}
{% macro at_margin(amount) %}{{ round_money("CAST(" ~ amount ~ " AS DECIMAL(24, 6)) * CAST(" ~ var('gross_margin') ~ " AS DECIMAL(6, 4))") }}{% endmacro %}

{# An amount of money where a condition holds, else 0, so that sums over parts are 0 and not null. #}
{% macro where_or_zero(condition, amount) %}CASE WHEN {{ condition }} THEN {{ amount }} ELSE CAST(0 AS DECIMAL(38, 6)) END{% endmacro %}

{# A money product rounded to six decimals, half to even, as DECIMAL(38, 6). #}
{% macro round_money(expression) %}
{%- if target.type == 'polars' -%} CAST(round_half_even({{ expression }}, 6) AS DECIMAL(38, 6))
{%- elif target.type == 'spark' -%} CAST(bround({{ expression }}, 6) AS DECIMAL(38, 6))
{%- else -%} CAST(round_even({{ expression }}, 6) AS DECIMAL(38, 6))
{%- endif -%}
{% endmacro %}

{# An amount at a rate to the reporting currency: null where either is null. #}
{% macro convert(amount, rate) %}{{ round_money("CAST(" ~ amount ~ " AS DECIMAL(20, 2)) * CAST(" ~ rate ~ " AS DECIMAL(16, 8))") }}{% endmacro %}

{# The retail calendar: years of whole weeks, by the vars retail_calendar, retail_year_end_month, retail_year_end_rule, retail_week_start. #}

{# The first day of the retail year of a week, from the week's first day. #}
{# The first week of a year holds the first day of the month after the end month (last), or its fourth (nearest). #}
{# A week belongs to the year whose such day is not after the week's last. #}
{% macro retail_year_of_week(week_sql) %}
{%- set anchor = {'nearest': 3, 'last': 0}[var('retail_year_end_rule', 'nearest')] -%}
{%- set months = (var('retail_year_end_month', 1) | int) % 12 -%}
{{ first_of_week(add_days(first_of_shifted('year', add_days(week_sql, 6 - anchor), months), anchor), var('retail_week_start', 'sunday')) }}
{%- endmacro %}

{# The first day of the retail month, from the year's first day and the days from there to the week. #}
{% macro retail_month_start(year_sql, days_sql) %}
{%- set firsts = {'4-4-5': [8, 4, 0], '4-5-4': [9, 4, 0], '5-4-4': [9, 5, 0]}[var('retail_calendar', '4-4-5')] -%}
{%- set cases -%}
CASE
        {%- for quarter in [3, 2, 1, 0] %}{% for weeks in firsts %}
        WHEN {{ days_sql }} >= {{ (quarter * 13 + weeks) * 7 }} THEN {{ (quarter * 13 + weeks) * 7 }}
        {%- endfor %}{% endfor %}
    END
{%- endset -%}
{{ add_days(year_sql, cases) }}
{%- endmacro %}

{# The first day of the retail quarter, from the year's first day and the days from there to the week: 13 weeks each, the last 13 or 14. #}
{% macro retail_quarter_start(year_sql, days_sql) %}
{%- set cases -%}
CASE WHEN {{ days_sql }} >= 273 THEN 273 WHEN {{ days_sql }} >= 182 THEN 182 WHEN {{ days_sql }} >= 91 THEN 91 ELSE 0 END
{%- endset -%}
{{ add_days(year_sql, cases) }}
{%- endmacro %}

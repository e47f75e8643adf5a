{# Days, instants and time zones: what differs by engine, under one name each. #}
{# Arguments are SQL text. Instants are TIMESTAMP WITH TIME ZONE, days are DATE. #}

{# An instant literal from RFC 3339 text. #}
{% macro instant(text) %}
{%- if target.type == 'polars' -%} instant('{{ text }}')
{%- elif target.type == 'spark' -%} CAST('{{ text }}' AS TIMESTAMP)
{%- else -%} CAST('{{ text }}' AS TIMESTAMP WITH TIME ZONE)
{%- endif -%}
{% endmacro %}

{# A day literal from ISO text. #}
{% macro day(text) %}CAST('{{ text }}' AS DATE){% endmacro %}

{# The day of an instant in the project's time zone. #}
{% macro local_date(instant_sql) %}
{%- if target.type == 'polars' -%} local_date({{ instant_sql }}, '{{ var("time_zone") }}')
{%- elif target.type == 'spark' -%} CAST(from_utc_timestamp({{ instant_sql }}, '{{ var("time_zone") }}') AS DATE)
{%- else -%} CAST(timezone('{{ var("time_zone") }}', {{ instant_sql }}) AS DATE)
{%- endif -%}
{% endmacro %}

{# The instant at which a day starts in the project's time zone. #}
{% macro local_midnight(date_sql) %}
{%- if target.type == 'polars' -%} local_midnight({{ date_sql }}, '{{ var("time_zone") }}')
{%- elif target.type == 'spark' -%} to_utc_timestamp(CAST({{ date_sql }} AS TIMESTAMP), '{{ var("time_zone") }}')
{%- else -%} timezone('{{ var("time_zone") }}', CAST({{ date_sql }} AS TIMESTAMP))
{%- endif -%}
{% endmacro %}

{# Microseconds since 1970-01-01T00:00:00Z, as BIGINT. #}
{% macro epoch_us(instant_sql) %}
{%- if target.type == 'spark' -%} unix_micros({{ instant_sql }})
{%- else -%} epoch_us({{ instant_sql }})
{%- endif -%}
{% endmacro %}

{# Seconds from one instant to another, exact microseconds divided at the end, as DOUBLE. #}
{% macro seconds_between(from_sql, to_sql) %}(CAST({{ epoch_us(to_sql) }} - {{ epoch_us(from_sql) }} AS DOUBLE) / CAST(1000000 AS DOUBLE)){% endmacro %}

{# A day, n days later; n is an integer or an integer expression. #}
{% macro add_days(date_sql, n) %}
{%- if target.type == 'polars' -%} add_days({{ date_sql }}, {{ n }})
{%- elif target.type == 'spark' -%} date_add({{ date_sql }}, CAST({{ n }} AS INT))
{%- else -%} CAST({{ date_sql }} + CAST({{ n }} AS INTEGER) AS DATE)
{%- endif -%}
{% endmacro %}

{# Days from one day to another, as BIGINT. #}
{% macro days_between(from_sql, to_sql) %}
{%- if target.type == 'polars' -%} days_between({{ from_sql }}, {{ to_sql }})
{%- elif target.type == 'spark' -%} CAST(datediff({{ to_sql }}, {{ from_sql }}) AS BIGINT)
{%- else -%} date_diff('day', {{ from_sql }}, {{ to_sql }})
{%- endif -%}
{% endmacro %}

{# A day, n months later, or the last day of a shorter month; n is an integer. #}
{% macro add_months(date_sql, n) %}
{%- if target.type == 'duckdb' -%} CAST({{ date_sql }} + to_months(CAST({{ n }} AS INTEGER)) AS DATE)
{%- else -%} add_months({{ date_sql }}, {{ n }})
{%- endif -%}
{% endmacro %}

{# The first day of the week (Monday), month, quarter or year of a day. #}
{% macro first_of(unit, date_sql) %}CAST(date_trunc('{{ unit }}', {{ date_sql }}) AS DATE){% endmacro %}

{# The first day of the week of a day, where weeks start on a weekday such as sunday. #}
{% macro first_of_week(date_sql, weekday) %}
{%- set shift = {'mon': 0, 'tue': 1, 'wed': 2, 'thu': 3, 'fri': 4, 'sat': 5, 'sun': 6}[(weekday | lower)[:3]] -%}
{%- if shift == 0 -%} {{ first_of('week', date_sql) }}
{%- else -%} {{ add_days(first_of('week', add_days(date_sql, 0 - shift)), shift) }}
{%- endif -%}
{% endmacro %}

{# The first day of the quarter or year of a day, where these start so many months (0 to 11) after January. #}
{% macro first_of_shifted(unit, date_sql, months) %}
{%- if months == 0 -%} {{ first_of(unit, date_sql) }}
{%- else -%} {{ add_months(first_of(unit, add_months(first_of('month', date_sql), 0 - months)), months) }}
{%- endif -%}
{% endmacro %}

{# The first day of the fiscal quarter or year of a day, by var fiscal_year_start_month. #}
{% macro fiscal_start(unit, date_sql) %}
{%- set months = (var('fiscal_year_start_month', 1) | int) - 1 -%}
{{ first_of_shifted(unit, date_sql, months % 3 if unit == 'quarter' else months) }}
{%- endmacro %}

{# Wall-clock time within a day, and the business hours of a day. #}

{# The wall-clock time of an instant in the project's time zone, as TIMESTAMP without a zone. #}
{% macro local_timestamp(instant_sql) %}
{%- if target.type == 'polars' -%} local_timestamp({{ instant_sql }}, '{{ var("time_zone") }}')
{%- elif target.type == 'spark' -%} from_utc_timestamp({{ instant_sql }}, '{{ var("time_zone") }}')
{%- else -%} timezone('{{ var("time_zone") }}', {{ instant_sql }})
{%- endif -%}
{% endmacro %}

{# Microseconds on the wall clock since its midnight, as BIGINT: zones differ from UTC by whole minutes. #}
{% macro wall_us(instant_sql) %}(
        CAST(date_part('hour', {{ local_timestamp(instant_sql) }}) AS BIGINT) * CAST(3600000000 AS BIGINT)
        + CAST(date_part('minute', {{ local_timestamp(instant_sql) }}) AS BIGINT) * CAST(60000000 AS BIGINT)
        + {{ epoch_us(instant_sql) }} % CAST(60000000 AS BIGINT)
    ){% endmacro %}

{# Microseconds of an hour of the day, which need not be whole, as BIGINT. #}
{% macro hour_us(hour) %}CAST({{ hour }} * 3600000000 AS BIGINT){% endmacro %}

{# How much of a day's business hours is over at a wall-clock time in microseconds; null where that is null. #}
{% macro business_us(wall) %}CASE
            WHEN {{ wall }} IS NULL THEN CAST(NULL AS BIGINT)
            WHEN {{ wall }} <= {{ hour_us(var('business_day_start')) }} THEN CAST(0 AS BIGINT)
            WHEN {{ wall }} >= {{ hour_us(var('business_day_end')) }}
                THEN {{ hour_us(var('business_day_end')) }} - {{ hour_us(var('business_day_start')) }}
            ELSE {{ wall }} - {{ hour_us(var('business_day_start')) }}
        END{% endmacro %}

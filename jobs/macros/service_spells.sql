{# Unbroken spells of service, by gaps and islands: a gap of at most var grace_days is no gap. #}
{# In: services, a relation with customer_id, started_on, ended_on (null: runs) and the key columns; #}
{# keys, a list of column names. #}
{# A service without a customer is nobody's, and is left out. #}
{# Out: the keys, spell_number (from 1), started_on, ended_on (null: runs). Grain: one row per keys and spell. #}
{% macro service_spells(services, keys) %}
SELECT
    {% for key in keys %}spells.{{ key }} AS {{ key }},
    {% endfor -%}
    spells.spell_number AS spell_number,
    min(spells.started_on) AS started_on,
    CASE
        WHEN max(spells.until_on) < {{ day('9999-12-31') }} THEN max(spells.until_on)
    END AS ended_on
FROM (
    SELECT
        {% for key in keys %}flagged.{{ key }} AS {{ key }},
        {% endfor -%}
        flagged.started_on AS started_on,
        flagged.until_on AS until_on,
        sum(flagged.is_start) OVER (
            PARTITION BY {% for key in keys %}flagged.{{ key }}{{ '' if loop.last else ', ' }}{% endfor %}
            ORDER BY flagged.service_number ASC NULLS LAST
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS spell_number
    FROM (
        SELECT
            {% for key in keys %}followed.{{ key }} AS {{ key }},
            {% endfor -%}
            followed.started_on AS started_on,
            followed.until_on AS until_on,
            followed.service_number AS service_number,
            CASE
                WHEN
                    followed.served_until_on IS NOT NULL
                    AND {{ days_between('followed.served_until_on', 'followed.started_on') }} <= {{ var('grace_days') }}
                    THEN 0
                ELSE 1
            END AS is_start
        FROM (
            SELECT
                {% for key in keys %}numbered.{{ key }} AS {{ key }},
                {% endfor -%}
                numbered.started_on AS started_on,
                numbered.until_on AS until_on,
                numbered.service_number AS service_number,
                max(numbered.until_on) OVER (
                    PARTITION BY {% for key in keys %}numbered.{{ key }}{{ '' if loop.last else ', ' }}{% endfor %}
                    ORDER BY numbered.service_number ASC NULLS LAST
                    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                ) AS served_until_on
            FROM (
                SELECT
                    {% for key in keys %}services.{{ key }} AS {{ key }},
                    {% endfor -%}
                    services.started_on AS started_on,
                    COALESCE(services.ended_on, {{ day('9999-12-31') }}) AS until_on,
                    row_number() OVER (
                        PARTITION BY {% for key in keys %}services.{{ key }}{{ '' if loop.last else ', ' }}{% endfor %}
                        ORDER BY services.started_on ASC NULLS LAST, services.ended_on ASC NULLS LAST
                    ) AS service_number
                FROM {{ services }} AS services
                WHERE services.customer_id IS NOT NULL
            ) AS numbered
        ) AS followed
    ) AS flagged
) AS spells
GROUP BY {% for key in keys %}spells.{{ key }}, {% endfor %}spells.spell_number
{% endmacro %}

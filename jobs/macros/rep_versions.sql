{# The order of versions of a rep that hold at one instant: the one that began last comes first, and the order is never open. #}
{% macro latest_version_first() -%}
reps.valid_from DESC NULLS LAST,
                reps.valid_to ASC NULLS LAST,
                reps.team ASC NULLS LAST,
                reps.territory ASC NULLS LAST
{%- endmacro %}

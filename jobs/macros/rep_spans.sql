{# That a span of a rep holds at an instant, rep_spans being joined as spans: of the spans of a rep one does, or none. #}
{% macro holds_at(rep, instant) -%}
{{ rep }} = spans.rep_id
        AND {{ instant }} >= spans.held_from
        AND (spans.held_to IS NULL OR {{ instant }} < spans.held_to)
{%- endmacro %}

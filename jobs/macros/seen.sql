{# The as-of cut: what a run may know. #}

{# The instant that the run takes for "now". #}
{% macro as_of() %}{{ instant(var('as_of')) }}{% endmacro %}

{# True for an instant before as-of. #}
{% macro seen_at(instant_sql) %}{{ instant_sql }} < {{ as_of() }}{% endmacro %}

{# True for a day whose local midnight has passed at as-of. #}
{% macro seen_on(date_sql) %}{{ local_midnight(date_sql) }} < {{ as_of() }}{% endmacro %}

{#-
    Name of the US federal holiday of a day, null if it is none, as an expression over its
    date, month, day of the month and weekday (Monday 1). A holiday of fixed date that
    falls on a Saturday or Sunday is also kept on the Friday before or the Monday after,
    `(observed)`. As since 1986; Juneteenth since 2021.
    Usage: {{ holiday_name('calendar_date', 'month_number', 'day_of_month',
        'weekday_number') }} as holiday_name
-#}
{% macro holiday_name(date, month, day, weekday) -%}
    {%- set fixed = [
        ("New Year's Day", 1, 1), ('Juneteenth', 6, 19), ('Independence Day', 7, 4),
        ('Veterans Day', 11, 11), ('Christmas Day', 12, 25),
    ] -%}
    {%- set floating = [
        ('Martin Luther King Day', 1, 1, 15), ("Presidents' Day", 2, 1, 15),
        ('Memorial Day', 5, 1, 25), ('Labor Day', 9, 1, 1), ('Columbus Day', 10, 1, 8),
        ('Thanksgiving Day', 11, 4, 22),
    ] -%}
    case
        {% for name, in_month, on_day in fixed -%}
            {%- set since = ' and ' ~ date ~ " >= cast('2021-01-01' as date)"
                if name == 'Juneteenth' else '' -%}
            {%- set text = name | replace("'", "''") -%}
            when {{ month }} = {{ in_month }} and {{ day }} = {{ on_day }}{{ since }}
                then '{{ text }}'
            {% if on_day > 1 -%}
            when
                {{ month }} = {{ in_month }}{{ since }}
                and (
                    ({{ day }} = {{ on_day - 1 }} and {{ weekday }} = 5)
                    or ({{ day }} = {{ on_day + 1 }} and {{ weekday }} = 1)
                )
                then '{{ text }} (observed)'
            {% endif -%}
        {% endfor -%}
        when
            {{ weekday }} = 5 and {{ month }} = 12 and {{ day }} = 31
            or {{ weekday }} = 1 and {{ month }} = 1 and {{ day }} = 2
            then 'New Year''s Day (observed)'
        {% for name, in_month, on_weekday, first_day in floating -%}
            when
                {{ month }} = {{ in_month }} and {{ weekday }} = {{ on_weekday }}
                and {{ day }} between {{ first_day }} and {{ first_day + 6 }}
                then '{{ name | replace("'", "''") }}'
        {% endfor -%}
    end
{%- endmacro %}

with hours as (
    {% for hour in range(24) -%}
        select {{ hour }} as hour_of_day
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

named as (
    select
        hour_of_day,
        case
            when hour_of_day < 6 then 'Night'
            when hour_of_day < 12 then 'Morning'
            when hour_of_day < 18 then 'Afternoon'
            else 'Evening'
        end as day_part,
        case
            when hour_of_day <= 12 then 'Morning'
            when hour_of_day <= 17 then 'Afternoon'
            else 'Evening'
        end as published_day_part
    from hours
)

select * from named

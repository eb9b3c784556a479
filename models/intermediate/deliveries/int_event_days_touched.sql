with united as (
    {% for feed, of in var('events').items() -%}
        select
            '{{ feed }}' as feed,
            {{ of.date }} as event_date,
            _change_seq
        from {{ ref(of.touched) }}
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
)

select * from united

with counted as (
    {% for feed, of in var('events').items() -%}
        select
            '{{ feed }}' as feed,
            fate,
            {% if of.has_states -%}
                record_state,
            {%- else -%}
                cast(null as varchar) as record_state,
            {%- endif %}
            count(*) as n_rows
        from {{ ref(of.fates) }}
        group by fate{{ ', record_state' if of.has_states }}
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

keyed as (
    select
        {{ surrogate_key(['feed', 'fate', 'record_state']) }} as row_fate_key,
        feed,
        fate,
        record_state,
        n_rows
    from counted
)

select * from keyed

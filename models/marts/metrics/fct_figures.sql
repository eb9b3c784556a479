{% set sources = {
    'purchases': {
        'fact': 'purchases',
        'figures': {'purchases': 'count(*)'},
        'slices': {
            'all': "'all'",
            'month': 'substr(cast(purchase_date as varchar), 1, 7)',
            'product': 'product_id',
            'kiosk': 'kiosk_id',
        },
    },
    'service_requests': {
        'fact': 'service_requests',
        'figures': {
            'requests': 'count(*)',
            'open requests': 'count(case when is_open then 1 end)',
            'median days to close': 'median(days_to_close)',
        },
        'slices': {
            'all': "'all'",
            'month': 'substr(cast(request_date as varchar), 1, 7)',
            'agency': 'agency',
            'neighborhood': 'neighborhood_slug',
        },
    },
    'accidents': {
        'fact': 'accidents',
        'figures': {
            'accidents': 'count(distinct incident_key)',
            'fatal accidents': 'count(distinct case when is_fatal then incident_key end)',
        },
        'slices': {
            'vintage': 'vintage',
            'vintage and year':
                "vintage || ' ' || substr(cast(occurred_date as varchar), 1, 4)",
            'vintage and neighborhood': "vintage || ' ' || neighborhood_slug",
        },
    },
} %}

with purchases as (
    select * from {{ ref('fct_purchases') }}
),

neighborhoods as (
    select * from {{ ref('dim_neighborhoods') }}
),

service_requests as (
    select
        requests.*,
        neighborhoods.neighborhood_slug
    from {{ ref('fct_service_requests') }} as requests
    inner join neighborhoods
        on requests.neighborhood_key = neighborhoods.neighborhood_key
    where requests.record_state <> 'withdrawn'
),

accidents as (
    select
        accidents.*,
        neighborhoods.neighborhood_slug
    from {{ ref('fct_accidents') }} as accidents
    inner join neighborhoods
        on accidents.neighborhood_key = neighborhoods.neighborhood_key
    where accidents.record_state <> 'withdrawn'
),

counted as (
    {% for feed, source in sources.items() -%}
        {% set is_last_source = loop.last -%}
        {% for slice_kind, slice in source.slices.items() -%}
            {% set is_last_slice = is_last_source and loop.last -%}
            {% for figure, value in source.figures.items() -%}
                select
                    '{{ feed }}' as feed,
                    '{{ figure }}' as figure,
                    '{{ slice_kind }}' as slice_kind,
                    {{ slice }} as slice,
                    cast({{ value }} as double) as figure_value
                from {{ source.fact }}
                group by {{ slice }}
                {% if not (is_last_slice and loop.last) %}union all{% endif %}
            {% endfor %}
        {% endfor %}
    {% endfor %}
),

keyed as (
    select
        {{ surrogate_key(['figure', 'slice_kind', 'slice']) }} as figure_key,
        feed,
        figure,
        slice_kind,
        slice,
        figure_value
    from counted
)

select * from keyed

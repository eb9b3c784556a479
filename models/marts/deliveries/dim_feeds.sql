with deliveries as (
    select * from {{ ref('fct_deliveries') }}
),

row_fates as (
    select * from {{ ref('fct_row_fates') }}
),

event_days as (
    select * from {{ ref('fct_event_days') }}
),

attempts as (
    select
        *,
        max(_delivery_seq) over (partition by feed, uri, member) as last_attempt_seq,
        max(case when status = 'landed' then _delivery_seq end) over (partition by feed)
            as last_landed_seq
    from deliveries
    -- These are no attempts to land what lies there.
    where status not in ('withdrawal', 'withdrawal_undone')
),

attempted as (
    select
        feed,
        max_by(delivery_mode, _delivery_seq) as delivery_mode,
        count(case when status = 'landed' then 1 end) as n_landed,
        sum(case when status = 'landed' then n_records end) as n_records,
        sum(case when status = 'landed' then n_open_rejects end) as n_open_rejects,
        -- What was tried again, or accepted since, is judged by its last attempt.
        count(case when status = 'held' and _delivery_seq = last_attempt_seq then 1 end)
            as n_open_held,
        count(
            case
                when status = 'failed' and _delivery_seq > coalesce(last_landed_seq, 0)
                    then 1
            end
        ) as n_failed_since
    from attempts
    group by feed
),

fated as (
    select
        feed,
        sum(n_rows) as n_raw_rows,
        sum(case when fate = 'set_aside' then n_rows else 0 end) as n_set_aside
    from row_fates
    group by feed
),

told as (
    select
        feed,
        sum(n_facts) as n_facts,
        sum(n_uncertain_times) as n_uncertain_times,
        sum(n_without_point) as n_without_point,
        sum(n_without_neighborhood) as n_without_neighborhood,
        sum(n_withdrawn) as n_withdrawn
    from event_days
    group by feed
),

joined as (
    select
        {{ surrogate_key(['attempted.feed']) }} as feed_key,
        attempted.feed,
        attempted.delivery_mode,
        attempted.n_landed,
        attempted.n_open_held,
        attempted.n_failed_since,
        {% for count in [
            'attempted.n_records', 'attempted.n_open_rejects', 'fated.n_raw_rows',
            'fated.n_set_aside', 'told.n_facts', 'told.n_uncertain_times',
            'told.n_without_point', 'told.n_without_neighborhood', 'told.n_withdrawn'
        ] -%}
            cast(coalesce({{ count }}, 0) as bigint) as {{ count.split('.')[1] }},
        {% endfor -%}
        fated.feed is not null as has_events,
        attempted.feed in (
            {% for feed, of in var('events').items() if of.has_places -%}
                '{{ feed }}'{{ ',' if not loop.last }}
            {% endfor %}
        ) as has_places
    from attempted
    left join fated on attempted.feed = fated.feed
    left join told on attempted.feed = told.feed
)

select * from joined

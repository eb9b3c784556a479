with feeds as (
    select * from {{ ref('dim_feeds') }}
),

cadences as (
    select * from {{ ref('int_feed_cadences_measured') }}
),

rhythms as (
    select * from {{ ref('int_feed_rhythms_measured') }}
),

reference as (
    select {{ freshness_reference('last_as_of_at') }} as reference_at
    from cadences
),

feeds_with_rhythms as (
    select
        feeds.*,
        coalesce(cadences.n_gaps, 0) as n_gaps,
        cadences.median_days_between,
        cadences.longest_days_between,
        {{ dbt.datediff('cadences.last_as_of_at', 'reference.reference_at', 'second') }}
        / cast(86400 as double) as days_since_last_as_of,
        rhythms.events_per_day,
        rhythms.n_silent_days,
        rhythms.longest_silent_days,
        case
            when rhythms.events_per_day is not null
                then
                    greatest(
                        floor(ln(1000) / rhythms.events_per_day),
                        coalesce(rhythms.longest_silent_days, 0)
                    )
        end as bearable_silent_days,
        rhythms.last_event_date,
        cadences.last_as_of_at,
        reference.reference_at
    from feeds
    cross join reference
    left join cadences on feeds.feed = cadences.feed
    left join rhythms on feeds.feed = rhythms.feed
),

feeds_by_freshness as (
    select
        *,
        case
            when last_as_of_at is null then 'nothing_landed'
            when
                n_gaps >= 3
                and days_since_last_as_of > 2 * median_days_between
                and days_since_last_as_of > longest_days_between
                then 'late'
            when n_silent_days > bearable_silent_days then 'silent'
            when n_gaps < 3 and events_per_day is null then 'unknown'
            else 'fresh'
        end as freshness
    from feeds_with_rhythms
),

trust as (
    select
        feed_key,
        feed,
        delivery_mode,
        freshness,
        n_landed as n_landed_deliveries,
        cast(n_gaps as integer) as n_delivery_gaps,
        median_days_between,
        longest_days_between,
        days_since_last_as_of,
        events_per_day,
        cast(n_silent_days as integer) as n_silent_days,
        cast(longest_silent_days as integer) as longest_silent_days,
        cast(bearable_silent_days as integer) as bearable_silent_days,
        exp(-events_per_day * n_silent_days) as silence_probability,
        n_records,
        n_facts,
        {% for share, part, whole in [
            ('rejected', 'n_open_rejects', 'n_records'),
            ('set_aside', 'n_set_aside', 'n_raw_rows'),
            ('uncertain_time', 'n_uncertain_times', 'n_facts')
        ] -%}
            cast({{ part }} as double) / nullif({{ whole }}, 0) as {{ share }}_share,
        {% endfor -%}
        {% for share in ['without_point', 'without_neighborhood'] -%}
            case
                when has_places
                    then cast(n_{{ share }} as double) / nullif(n_facts, 0)
            end as {{ share }}_share,
        {% endfor -%}
        case
            when delivery_mode = 'window'
                then cast(n_withdrawn as double) / nullif(n_facts, 0)
        end as withdrawn_share,
        n_open_held,
        n_failed_since,
        last_event_date,
        last_as_of_at,
        reference_at
    from feeds_by_freshness
)

select * from trust

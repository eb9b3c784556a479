-- Longer than most models, so that all bounds of a shared card stand in one place.
-- A move to another kiosk within so many minutes is one that few persons make.
{% set quick_minutes = 10 %}
-- Kiosks between which as many cards move so quickly stand side by side.
{% set near_cards = 3 %}
-- Five kiosks side by side make ten pairs: quick moves between more are no habit...
{% set least_quick_pairs = 11 %}
-- ...and no chance if so many visits are quick moves.
{% set least_quick_share = 0.07 %}
-- More kiosks, or more visits, than fit into the day of one person...
{% set many_kiosks = 15 %}
{% set many_visits = 20 %}
-- ...on at least so many days.
{% set least_days = 3 %}
-- So many times the visits of all but one in a thousand cards, if there are so many.
{% set far_beyond = 20 %}
{% set least_cards = 1000 %}

with visits as (
    select * from {{ ref('fct_visits') }}
),

visits_with_previous as (
    select
        *,
        lag(kiosk_id) over card_visits as previous_kiosk_id,
        lag(ended_at_utc) over card_visits as previous_ended_at_utc
    from visits
    window card_visits as (partition by customer_key order by visit_number)
),

quick_moves as (
    select
        customer_key,
        least(kiosk_id, previous_kiosk_id) as one_kiosk_id,
        greatest(kiosk_id, previous_kiosk_id) as other_kiosk_id,
        count(*) as n_moves
    from visits_with_previous
    where
        kiosk_id <> previous_kiosk_id
        and started_at_utc <= {{ dbt.dateadd(
            'minute', quick_minutes, 'previous_ended_at_utc'
        ) }}
    group by
        customer_key, least(kiosk_id, previous_kiosk_id),
        greatest(kiosk_id, previous_kiosk_id)
),

-- Where kiosks are is not known, but how many cards move between them is.
quick_moves_by_pair as (
    select
        *,
        count(*) over (partition by one_kiosk_id, other_kiosk_id) as n_cards
    from quick_moves
),

impossible_moves as (
    select
        customer_key,
        cast(sum(n_moves) as bigint) as n_quick_moves,
        count(*) as n_quick_move_pairs
    from quick_moves_by_pair
    where n_cards < {{ near_cards }}
    group by customer_key
),

card_days as (
    select
        customer_key,
        visit_date,
        count(*) as n_visits,
        count(distinct kiosk_id) as n_kiosks,
        sum(n_units) as n_units
    from visits
    group by customer_key, visit_date
),

by_card as (
    select
        customer_key,
        cast(sum(n_visits) as bigint) as n_visits,
        cast(sum(n_units) as bigint) as n_units,
        count(*) as n_days,
        max(n_visits) as max_visits_in_a_day,
        max(n_kiosks) as max_kiosks_in_a_day,
        count(case when n_visits >= {{ many_visits }} then 1 end)
            as n_days_of_many_visits,
        count(case when n_kiosks >= {{ many_kiosks }} then 1 end)
            as n_days_of_many_kiosks,
        min(visit_date) as first_visit_date,
        max(visit_date) as last_visit_date
    from card_days
    group by customer_key
),

kiosks_by_card as (
    select
        customer_key,
        count(distinct kiosk_id) as n_kiosks
    from visits
    group by customer_key
),

ordinary_cards as (
    select
        count(*) as n_cards,
        percentile_cont(0.999) within group (order by n_visits) as p999_n_visits
    from by_card
),

cards as (
    select
        by_card.*,
        kiosks_by_card.n_kiosks,
        coalesce(impossible_moves.n_quick_moves, 0) as n_quick_moves,
        coalesce(impossible_moves.n_quick_move_pairs, 0) as n_quick_move_pairs,
        coalesce(
            impossible_moves.n_quick_move_pairs >= {{ least_quick_pairs }}
            and impossible_moves.n_quick_moves
            >= {{ least_quick_share }} * by_card.n_visits,
            false
        ) as has_impossible_moves,
        by_card.n_days_of_many_visits >= {{ least_days }} as has_too_many_visits,
        by_card.n_days_of_many_kiosks >= {{ least_days }} as has_too_many_kiosks,
        (
            ordinary_cards.n_cards >= {{ least_cards }}
            and by_card.n_visits >= {{ far_beyond }} * ordinary_cards.p999_n_visits
        ) as is_far_beyond_others
    from by_card
    inner join kiosks_by_card
        on by_card.customer_key = kiosks_by_card.customer_key
    cross join ordinary_cards
    left join impossible_moves
        on by_card.customer_key = impossible_moves.customer_key
),

cards_by_use as (
    select
        customer_key,
        n_visits,
        n_units,
        n_days,
        n_kiosks,
        n_quick_moves,
        n_quick_move_pairs,
        max_visits_in_a_day,
        n_days_of_many_visits,
        max_kiosks_in_a_day,
        n_days_of_many_kiosks,
        has_impossible_moves,
        has_too_many_visits,
        has_too_many_kiosks,
        is_far_beyond_others,
        (
            has_impossible_moves
            or has_too_many_visits
            or has_too_many_kiosks
            or is_far_beyond_others
        ) as is_shared_card,
        first_visit_date,
        last_visit_date
    from cards
)

select * from cards_by_use

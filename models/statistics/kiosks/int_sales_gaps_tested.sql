{% set n_selling_days = 20 %}
{% set n_least_sales = 10 %}
{% set sides = {'before_first_sale': 'after', 'since_last_sale': 'before'} %}

with selling_days as (
    select * from {{ ref('fct_selling_days') }}
),

dates as (
    select * from {{ ref('dim_dates') }}
),

kiosks as (
    select * from {{ ref('dim_kiosks') }}
),

spans as (
    select
        min(first_purchase_date) as first_date,
        max(last_purchase_date) as last_date
    from kiosks
),

-- Weekdays, holidays and seasons by what kiosks sold that were there all the time: the
-- sum of all would grow with each kiosk that opens.
panel as (
    select
        kiosks.kiosk_id,
        kiosks.first_purchase_date < {{ dbt.dateadd('day', 28, 'spans.first_date') }}
        and kiosks.last_purchase_date > {{ dbt.dateadd('day', -28, 'spans.last_date') }}
            as was_always_there
    from kiosks
    cross join spans
),

panel_days as (
    select
        selling_days.purchase_date,
        cast(sum(selling_days.n_sales) as double) as pace
    from selling_days
    inner join panel on selling_days.subject_id = panel.kiosk_id
    where
        selling_days.subject = 'kiosk'
        and (
            panel.was_always_there
            or not exists (
                select 1
                from panel as any_panel
                where any_panel.was_always_there
            )
        )
    group by selling_days.purchase_date
),

days as (
    select
        dates.calendar_date,
        coalesce(panel_days.pace, 0) as pace,
        sum(coalesce(panel_days.pace, 0)) over (
            order by dates.calendar_date
            rows between unbounded preceding and current row
        ) as pace_so_far
    from dates
    inner join spans
        on
            dates.calendar_date >= spans.first_date
            and dates.calendar_date <= spans.last_date
    left join panel_days on dates.calendar_date = panel_days.purchase_date
),

-- What was sold on the selling days up to this one, and from this one on, and the pace
-- meanwhile: a rate of its time, as kiosks grow and decline.
paced as (
    select
        selling_days.subject,
        selling_days.subject_id,
        selling_days.purchase_date,
        selling_days.n_sales,
        days.pace,
        days.pace_so_far - days.pace as pace_until,
        days.pace_so_far,
        row_number() over selling as day_number,
        lead(selling_days.purchase_date) over selling as next_date,
        lead(days.pace_so_far - days.pace) over selling as next_pace_until,
        sum(selling_days.n_sales) over lately as n_before,
        days.pace_so_far - min(days.pace_so_far - days.pace) over lately as pace_before,
        sum(selling_days.n_sales) over soon as n_after,
        max(days.pace_so_far) over soon - days.pace_so_far + days.pace as pace_after
    from selling_days
    inner join days on selling_days.purchase_date = days.calendar_date
    window
        selling as (
            partition by selling_days.subject, selling_days.subject_id
            order by selling_days.purchase_date
        ),
        lately as (
            partition by selling_days.subject, selling_days.subject_id
            order by selling_days.purchase_date
            rows between {{ n_selling_days - 1 }} preceding and current row
        ),
        soon as (
            partition by selling_days.subject, selling_days.subject_id
            order by selling_days.purchase_date
            rows between current row and {{ n_selling_days - 1 }} following
        )
),

-- Where sales come in clusters, so many of them say less.
clusters as (
    select
        subject,
        subject_id,
        greatest(coalesce(
            (
                {{ exact_sum('n_sales * n_sales / nullif(pace, 0)') }}
                * sum(pace) / sum(n_sales)
                - sum(n_sales)
            ) / nullif(count(*) - 1, 0),
            1
        ), 1) as dispersion
    from paced
    group by subject, subject_id
),

silences as (
    select
        paced.subject,
        paced.subject_id,
        'before_first_sale' as kind,
        cast(null as bigint) as n_before,
        cast(null as double) as pace_before,
        paced.n_after,
        paced.pace_after,
        paced.pace_until as silent_pace,
        spans.first_date as first_silent_date,
        {{ dbt.dateadd('day', -1, 'paced.purchase_date') }} as last_silent_date
    from paced
    cross join spans
    where paced.day_number = 1
    union all
    select
        paced.subject,
        paced.subject_id,
        case
            when paced.next_date is null then 'since_last_sale'
            else 'between_sales'
        end as kind,
        paced.n_before,
        paced.pace_before,
        lead(paced.n_after) over selling as n_after,
        lead(paced.pace_after) over selling as pace_after,
        coalesce(paced.next_pace_until, days.pace_so_far) - paced.pace_so_far
            as silent_pace,
        {{ dbt.dateadd('day', 1, 'paced.purchase_date') }} as first_silent_date,
        coalesce({{ dbt.dateadd('day', -1, 'paced.next_date') }}, spans.last_date)
            as last_silent_date
    from paced
    cross join spans
    inner join days on spans.last_date = days.calendar_date
    window selling as (
        partition by paced.subject, paced.subject_id order by paced.purchase_date
    )
),

-- If n sales came at a steady pace, the chance of none over a further stretch is
-- (their stretch / both stretches) ^ n: Poisson's, with the rate as unsure as it is.
compared as (
    select
        silences.*,
        {% for side in ['before', 'after'] -%}
            case
                when silences.n_{{ side }} >= {{ n_least_sales }}
                    then silences.n_{{ side }} / nullif(silences.pace_{{ side }}, 0)
            end as rate_{{ side }},
            case
                when silences.n_{{ side }} >= {{ n_least_sales }}
                    then
                        silences.n_{{ side }} / clusters.dispersion * ln(
                            nullif(silences.pace_{{ side }}, 0)
                            / (silences.pace_{{ side }} + silences.silent_pace)
                        )
            end as log_probability_{{ side }},
        {% endfor -%}
        -- So small a chance that all the silences there are would hardly hold one by
        -- accident; ends of the data at which there was none are no silences.
        ln(0.01 / nullif(count(
            case
                when silences.first_silent_date <= silences.last_silent_date then 1
            end
        ) over (partition by silences.subject), 0)) as log_chance_allowed,
        clusters.dispersion
    from silences
    inner join clusters
        on
            silences.subject = clusters.subject
            and silences.subject_id = clusters.subject_id
    where
        silences.kind <> 'between_sales'
        or silences.first_silent_date <= silences.last_silent_date
),

-- Of both sides the one with the larger chance.
judged as (
    select
        *,
        greatest(
            coalesce(log_probability_before, log_probability_after),
            coalesce(log_probability_after, log_probability_before)
        ) as log_probability,
        silent_pace * least(
            coalesce(rate_before, rate_after), coalesce(rate_after, rate_before)
        ) as n_expected_sales,
        case
            when coalesce(rate_after < rate_before, rate_before is null) then n_after
            else n_before
        end as n_compared_sales,
        -- Of an end of the data: the pace it takes to tell its silence from chance.
        case
            {% for kind, side in sides.items() -%}
                when kind = '{{ kind }}' and rate_{{ side }} is not null
                    then
                        pace_{{ side }} * (
                            exp(-log_chance_allowed * dispersion / n_{{ side }}) - 1
                        )
            {% endfor -%}
        end as least_pace
    from compared
),

-- As many as would have been sold: with the scatter of the days of the silence, and
-- with that of the sales that the rate is from.
bounded as (
    select
        *,
        1.959963984540054e0 * sqrt(
            dispersion * n_expected_sales
            * (1 + n_expected_sales / nullif(n_compared_sales, 0))
        ) as half_width
    from judged
),

told as (
    select
        judged.subject,
        judged.subject_id,
        judged.kind,
        min(days.calendar_date) as first_date,
        max(days.calendar_date) as last_date
    from judged
    cross join spans
    inner join days as ends on spans.last_date = ends.calendar_date
    inner join days
        on
            judged.least_pace < case judged.kind
                when 'before_first_sale' then days.pace_so_far - days.pace
                else ends.pace_so_far - days.pace_so_far
            end
    group by judged.subject, judged.subject_id, judged.kind
),

silences_told as (
    select
        {{ surrogate_key([
            'judged.subject', 'judged.subject_id', 'judged.first_silent_date'
        ]) }} as sales_silence_key,
        judged.subject,
        judged.subject_id,
        judged.kind,
        cast(
            {{ dbt.datediff(
                'judged.first_silent_date', 'judged.last_silent_date', 'day'
            ) }} + 1 as integer
        ) as n_silent_days,
        round(judged.n_expected_sales, 3) as n_expected_sales,
        round(greatest(judged.n_expected_sales - judged.half_width, 0), 3)
            as n_expected_sales_low,
        round(judged.n_expected_sales + judged.half_width, 3) as n_expected_sales_high,
        round(judged.log_probability, 6) as log_probability,
        coalesce(judged.log_probability < judged.log_chance_allowed, false)
            as is_beyond_chance,
        cast(judged.first_silent_date as date) as first_silent_date,
        cast(judged.last_silent_date as date) as last_silent_date,
        case judged.kind
            when 'before_first_sale' then told.first_date
            else told.last_date
        end as told_date
    from bounded as judged
    left join told
        on
            judged.subject = told.subject
            and judged.subject_id = told.subject_id
            and judged.kind = told.kind
)

select * from silences_told

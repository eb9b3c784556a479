{#-
    Kaplan-Meier curves, how much is still open after so many days, where what is open is
    watched only so long: a query, to be the whole of a CTE. It reads one row per group and
    - watched_days: whole days from the begin, with n_closed, how many closed after so
      many, and n_censored, how many were last seen then, still open. What is last seen
      on a day was at risk on it.
    and gives one row per group and day, with n_at_risk, open_share
    (the curve), its 95 % interval by the log of minus its log (Greenwood), null before
    the first close and where nothing is left open, and open_share_of_closed, what the
    curve would be if only closed ones were looked at.
    Quantiles are read off the curve with `survival_quantile`.
    Usage: survival_steps as (
        {{ survival_steps('daily_counts', ['agency']) }}
    )
-#}
{% macro survival_steps(counts, groups) -%}
{%- set by_group = groups | join(', ') -%}
{%- set z = '1.959963984540054e0' -%}
with counts_at_risk as (
    select
        {{ by_group }},
        watched_days,
        n_closed,
        n_censored,
        cast(sum(n_closed + n_censored) over (
            partition by {{ by_group }}
            order by watched_days desc
            rows between unbounded preceding and current row
        ) as double) as n_at_risk,
        cast(sum(n_closed) over (
            partition by {{ by_group }}
            order by watched_days
            rows between unbounded preceding and current row
        ) as double) as n_closed_so_far,
        sum(n_closed) over (partition by {{ by_group }}) as n_closed_ever
    from {{ counts }}
),

-- Where all at risk close, nothing is left open, and there is no variance to estimate:
-- it can only be the last day of a group.
log_steps as (
    select
        *,
        n_closed = n_at_risk as is_all_closed,
        {{ exact_sum(
            'case when n_closed < n_at_risk then ln(1 - n_closed / n_at_risk) end',
            over='so_far', places=20
        ) }} as log_open_share,
        {{ exact_sum(
            'case when n_closed < n_at_risk '
            ~ 'then n_closed / (n_at_risk * (n_at_risk - n_closed)) end',
            over='so_far', places=20
        ) }} as greenwood_sum
    from counts_at_risk
    window so_far as (
        partition by {{ by_group }}
        order by watched_days
        rows between unbounded preceding and current row
    )
)

select
    {{ by_group }},
    watched_days,
    n_closed,
    n_censored,
    n_at_risk,
    greenwood_sum,
    case when is_all_closed then 0.0 else exp(log_open_share) end as open_share,
    case
        when not is_all_closed and log_open_share < 0
            then exp(
                log_open_share * exp(-{{ z }} * sqrt(greenwood_sum) / log_open_share)
            )
    end as open_share_low,
    case
        when not is_all_closed and log_open_share < 0
            then exp(
                log_open_share * exp({{ z }} * sqrt(greenwood_sum) / log_open_share)
            )
    end as open_share_high,
    case when n_closed_ever > 0 then 1 - n_closed_so_far / n_closed_ever end
        as open_share_of_closed
from log_steps
{%- endmacro %}

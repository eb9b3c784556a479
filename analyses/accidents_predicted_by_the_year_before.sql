-- Can the accidents of a day in a neighborhood be predicted? The last 365 days, days
-- without accidents too, against the mean of the 365 before, and of the same weekday of
-- it. Where counts are Poisson's, no method is off by less than the floor on average.
with latest_vintage as (
    select vintage
    from marts.fct_incidents
    group by vintage
    order by max(occurred_date) desc, vintage asc
    limit 1
),

incidents as (
    select
        incidents.neighborhood_key,
        incidents.occurred_date,
        count(*) as n_accidents
    from marts.fct_incidents as incidents
    inner join latest_vintage on incidents.vintage = latest_vintage.vintage
    group by incidents.neighborhood_key, incidents.occurred_date
),

ends as (
    select max(occurred_date) as last_date
    from incidents
),

days as (
    select
        neighborhoods.neighborhood_key,
        neighborhoods.neighborhood_name,
        dates.weekday_number,
        coalesce(incidents.n_accidents, 0) as n_accidents,
        dates.calendar_date > ends.last_date - interval 365 day as is_predicted
    from marts.dim_dates as dates
    inner join ends
        on
            dates.calendar_date > ends.last_date - interval 730 day
            and dates.calendar_date <= ends.last_date
    cross join marts.dim_neighborhoods as neighborhoods
    left join incidents
        on
            neighborhoods.neighborhood_key = incidents.neighborhood_key
            and dates.calendar_date = incidents.occurred_date
    where neighborhoods.is_known
),

means as (
    select
        *,
        avg(case when not is_predicted then n_accidents end)
            over (partition by neighborhood_key) as mean_before,
        avg(case when not is_predicted then n_accidents end)
            over (partition by neighborhood_key, weekday_number) as weekday_mean_before
    from days
)

select
    neighborhood_name,
    count(*) as n_days,
    sum(n_accidents) as n_accidents,
    round(avg(n_accidents), 3) as accidents_per_day,
    round(sqrt(avg(power(n_accidents - mean_before, 2))), 3) as error_of_the_mean,
    round(sqrt(avg(power(n_accidents - weekday_mean_before, 2))), 3)
        as error_of_the_weekday,
    round(sqrt(avg(n_accidents)), 3) as floor_of_the_error
from means
where is_predicted
group by neighborhood_name
order by n_accidents desc, neighborhood_name asc
limit 10

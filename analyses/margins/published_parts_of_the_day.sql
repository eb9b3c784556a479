-- In which part of the day were most purchases, by the published margins? Their parts
-- of the day are of UTC: evening there is the working day where the kiosks stand.
select
    day_part as day_part_utc,
    n_purchases,
    round(100.0 * n_purchases / sum(n_purchases) over (), 1) as purchases_percent
from margins.parts
order by n_purchases desc, day_part asc

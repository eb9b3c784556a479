-- On which days were many old requests closed at once? Such a stamp comes from a clean-
-- up, not from work done that day: times to close that end on it are too long.
select
    closed_date,
    agency,
    request_type,
    n_late_closes,
    ordinary_n_late_closes,
    round(times_ordinary_late_closes, 1) as times_ordinary,
    round(100 * share_of_all_closes, 1) as percent_of_all_closes
from reports.rpt_mass_close_days
order by n_late_closes desc, closed_date asc, request_type_key asc
limit 20

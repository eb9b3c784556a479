select * from rpt_time_of_day
-- What is hidden is not nothing.
qualify max(coalesce(n_purchases, 1)) over () > 0
order by hour_of_day

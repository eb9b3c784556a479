select * from rpt_time_of_day order by hour_of_day

-- Are similar requests closed as soon in every neighborhood? The gap to the city is
-- that of the share closed in time, with the same weights of types. By chance alone,
-- one in twenty neighborhoods is outside its interval.
select
    neighborhood_name,
    n_requests,
    n_types,
    round(100 * closed_in_time_share, 1) as closed_in_time_percent,
    round(100 * city_closed_in_time_share, 1) as city_percent,
    round(100 * gap_to_city, 1) as gap_in_points,
    round(100 * gap_to_city_low, 1) as gap_low,
    round(100 * gap_to_city_high, 1) as gap_high
from reports.rpt_neighborhood_request_gaps
order by gap_to_city asc, neighborhood_name asc

-- Where is the same type of request made again within 90 days? Cells of about a hundred
-- meters; busy cells repeat by chance, and a type is coarse: not a list of failures.
select
    neighborhood_slug,
    cell_longitude,
    cell_latitude,
    agency,
    request_type,
    n_requests,
    n_repeats,
    round(repeat_share, 2) as repeat_share,
    round(repeat_share_low, 2) as repeat_share_low,
    round(repeat_share_high, 2) as repeat_share_high
from reports.rpt_repeat_locations
where n_requests >= 5
order by
    repeat_share_low desc,
    n_requests desc,
    cell_longitude asc,
    cell_latitude asc,
    request_type_key asc
limit 20

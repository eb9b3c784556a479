select * from rpt_neighborhood_request_gaps
where gap_to_city is not null
-- All of them would take half of the page; the export has them.
qualify
    least(
        row_number() over (order by gap_to_city, neighborhood_name),
        row_number() over (order by gap_to_city desc, neighborhood_name desc)
    ) <= 6
order by gap_to_city, neighborhood_name

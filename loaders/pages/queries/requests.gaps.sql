select * from rpt_neighborhood_request_gaps
where gap_to_city is not null
order by gap_to_city, neighborhood_name

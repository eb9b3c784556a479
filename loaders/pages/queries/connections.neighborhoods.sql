select * from rpt_neighborhood_correlations
order by request_series <> 'All', q_value, request_series, vintage
limit 12

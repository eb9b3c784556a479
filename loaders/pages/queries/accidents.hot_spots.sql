select
    -- On one line.
    printf('%.3f,%s%.3f', latitude, chr(160), longitude) as place,
    n_accidents, n_serious_accidents, n_fatal_accidents, total_weight, spot_rank, rank_low,
    rank_high, top_20_share, similar_accidents, expected_accidents,
    expected_accidents_low, expected_accidents_high, excess_rank, is_suppressed
from rpt_accident_hot_spots
where spot_kind = 'cell' and spot_rank <= 20 and vintage = (
    select vintage from marts.fct_incidents
    group by vintage
    order by max(occurred_date) desc, count(*) desc, vintage
    limit 1
)
order by spot_rank, place

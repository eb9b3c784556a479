-- Where are accidents concentrated, and how sure is that? Cells of about 250 meters, a
-- serious accident counted three times; 95 % of 200 replicates are between rank_low and
-- rank_high. The worst fall back by themselves: expected_accidents is what is to be
-- expected in as long a time, given what the cells of the neighborhood have. Not risk:
-- it is unknown how many vehicles pass.
with latest_vintage as (
    select vintage
    from marts.fct_incidents
    group by vintage
    order by max(occurred_date) desc, vintage asc
    limit 1
)

select
    spots.spot_rank,
    spots.rank_low,
    spots.rank_high,
    round(spots.longitude, 4) as longitude,
    round(spots.latitude, 4) as latitude,
    spots.n_accidents,
    spots.n_fatal_accidents,
    spots.n_serious_accidents,
    round(spots.top_20_share, 2) as top_20_share,
    round(spots.similar_accidents, 1) as similar_accidents,
    round(spots.expected_accidents, 1) as expected_accidents,
    round(spots.expected_accidents_low, 1) as expected_low,
    round(spots.expected_accidents_high, 1) as expected_high,
    spots.excess_rank
from reports.rpt_accident_hot_spots as spots
inner join latest_vintage on spots.vintage = latest_vintage.vintage
where spots.spot_kind = 'cell'
order by spots.spot_rank, spots.spot_x, spots.spot_y
limit 20

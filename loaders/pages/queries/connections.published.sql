select
    0.996 as published_correlation,
    max(naive_correlation) as largest_plain,
    max(correlation) as largest_adjusted,
    max(correlation) filter (where has_survived) as largest_survived,
    count(*) as n_pairs,
    count(*) filter (where has_survived) as n_survived
from rpt_event_correlations
having count(*) > 0

select replace(source, '_', ' ') as feed, replace(outcome, '_', ' ') as outcome,
    vintage, n_events, events_share
from rpt_point_outcomes
order by feed, vintage, n_events desc, outcome

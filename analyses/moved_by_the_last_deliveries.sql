-- Which headline figures did the last deliveries move, and by how much? Empty after the
-- first build, and if the last deliveries had nothing new.
select
    feed,
    figure,
    slice_kind,
    slice,
    n_deliveries,
    value_before,
    value_after,
    difference,
    round(100 * relative_difference, 2) as moved_percent
from reports.rpt_delivery_impact
order by
    abs(relative_difference) desc nulls first,
    figure asc,
    slice_kind asc,
    slice asc
limit 20

-- Where did codes begin to be used otherwise? What is counted by such a code has no
-- trend across the date; breaks in the first year of a series look like a season.
select
    feed,
    vintage,
    code_column,
    code,
    break_date,
    round(100 * share_before, 1) as percent_before,
    round(100 * share_after, 1) as percent_after,
    n_before,
    n_after,
    round(score, 1) as score
from reports.rpt_coding_breaks
order by abs(score) desc, feed asc, code_column asc, code asc, break_date asc
limit 20

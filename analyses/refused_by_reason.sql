-- Which lines were refused, why, and where? Refused lines are kept word for word:
-- eventmart rejects shows them, and eventmart replay lands those that pass after a fix.
select
    refused.feed,
    refused.reason,
    count(*) as n_refused,
    count(distinct refused._delivery_seq) as n_deliveries,
    min(deliveries.as_of_at) as first_as_of_at,
    max(deliveries.as_of_at) as last_as_of_at,
    min(refused._line) as a_line
from marts.fct_rejected_rows as refused
left join marts.fct_deliveries as deliveries
    on refused.delivery_key = deliveries.delivery_key
group by refused.feed, refused.reason
order by n_refused desc, refused.feed asc, refused.reason asc

select * from rpt_customer_retention
where not has_shared_cards and months_after between 1 and 12
order by cohort_month, months_after

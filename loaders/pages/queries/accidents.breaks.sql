-- A change of the layout moves all codes of a column within days: that is one mark.
select
    vintage,
    min(break_date) as break_date,
    arg_max(label, (abs(share_after - share_before), label))
    || case when count(*) > 1 then ', and ' || count(*) - 1 || ' more codes' else '' end
        as label
from rpt_coding_breaks
where feed = 'accidents' and label is not null
group by vintage, code_column, date_trunc('month', break_date)
order by break_date, label

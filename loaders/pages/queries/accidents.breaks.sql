select code_column, label, break_date, vintage
from rpt_coding_breaks
where feed = 'accidents'
order by break_date, code_column, label

select replace(reason, '_', ' ') as why, * from rpt_shared_cards
order by reason in ('any', 'none'), reason

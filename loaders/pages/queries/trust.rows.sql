with delivered as (
    select
        feed,
        sum(n_records) as n_records,
        sum(n_known) as n_known,
        sum(n_rejected) as n_rejected,
        sum(n_blank) as n_blank,
        sum(n_new) as n_new
    from marts.fct_deliveries
    where status in ('landed', 'replayed')
    group by feed
),

fates as (
    select
        feed,
        sum(n_rows) filter (where fate = 'superseded') as n_superseded,
        sum(n_rows) filter (where fate = 'duplicate') as n_duplicate,
        sum(n_rows) filter (where fate = 'set_aside') as n_set_aside,
        sum(n_rows) filter (where fate = 'current_version') as n_facts
    from marts.fct_row_fates
    group by feed
),

steps as (
    from (
        select
            feed,
            n_records as "1 delivered",
            -n_known as "2 known already",
            -n_rejected as "3 refused",
            -n_blank as "4 blank",
            n_new as "5 new rows"
        from delivered
    )
    unpivot (n for step in (columns(* exclude feed)))
    union all
    from (
        select
            feed,
            -coalesce(n_superseded, 0) as "6 older versions",
            -coalesce(n_duplicate, 0) as "7 said twice",
            -coalesce(n_set_aside, 0) as "8 set aside",
            coalesce(n_facts, 0) as "9 facts"
        from fates
    )
    unpivot (n for step in (columns(* exclude feed)))
),

waterfall as (
    select
        replace(feed, '_', ' ') as feed,
        step as position,
        substring(step, 3) as step,
        n,
        n >= 0 as is_total,
        -- Rows still there after the step; what is left is a total by itself.
        case
            when n >= 0 then n
            when left(step, 1) < '5'
                then first_value(n) over feeds
                    + sum(least(n, 0)) over (feeds rows unbounded preceding)
            else nth_value(n, 5) over (
                feeds rows between unbounded preceding and unbounded following
            )
                + sum(case when left(step, 1) > '5' then least(n, 0) else 0 end)
                    over (feeds rows unbounded preceding)
        end as n_left
    from steps
    window feeds as (partition by feed order by step)
)

select * from waterfall
where feed in (select replace(feed, '_', ' ') from fates)
order by feed, position

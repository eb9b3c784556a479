{#-
    When each raw row of a window feed was held: a query, to be the whole of a CTE. It reads
    - versions: all versions of the identities in question, with identity_key,
      set_aside_reason and window_date, the date that the feed's window is about;
    - presences: the feed's presence changes; deliveries: its deliveries in order.
    and gives one row per raw row and stay, from the delivery that it came
    with (came_place, came_at) to the first without it (left_place, left_at; null while
    it is there), with
    - last_held_at: the as-of of the last delivery of the stay, once it is over;
    - left_as: null while it is there, `in_doubt` while nothing without rejects
      confirms that it has gone, else `aged_out` or `withdrawn`;
    - is_alone: whether no two rows of the identity were ever held at the same time;
    - arrived_as: `first` of its identity, `changed` if it follows upon another row,
      `reinstated` after a withdrawal, `returned` after aging out. What only files with
      rejects lacked was never gone: what comes next follows upon it.
    Usage: spells as (
        {{ window_spells('versions', 'presences', 'deliveries') }}
    )
-#}
{% macro window_spells(versions, presences, deliveries) -%}
with row_changes as (
    {{ window_changes(versions, presences, deliveries) }}
),

paired as (
    select
        identity_key,
        _row_hash,
        _copy,
        is_readable,
        series,
        change,
        place as came_place,
        as_of as came_at,
        n_clean_before as n_clean_before_came,
        lead(n_clean_before) over row_history as n_clean_before_left,
        lead(place) over row_history as left_place,
        lead(as_of) over row_history as left_at,
        lead(last_held_at) over row_history as last_held_at,
        lead(left_as) over row_history as left_as
    from row_changes
    window row_history as (
        partition by _row_hash, _copy
        order by place
    )
),

stays as (
    select
        *,
        -- A stay that goes on ends after all that ever ended.
        coalesce(left_place, 2147483647) as end_place,
        coalesce(n_clean_before_left, 2147483647) as n_clean_before_end
    from paired
    where change = '+'
),

compared as (
    select
        *,
        count(*) over rows_at_once as n_came_together,
        max(end_place) over earlier_stays as last_end_place,
        max(n_clean_before_end) over earlier_stays as n_clean_before_last_end,
        max(
            case when left_as = 'withdrawn' then end_place end
        ) over earlier_stays as last_withdrawn_place
    from stays
    window
        rows_at_once as (partition by identity_key, is_readable, came_place),
        earlier_stays as (
            partition by identity_key, is_readable
            order by came_place
            range between unbounded preceding and 1 preceding
        )
)

select
    identity_key,
    _row_hash,
    _copy,
    series,
    came_place,
    came_at,
    left_place,
    left_at,
    last_held_at,
    left_as,
    max(
        case
            when n_came_together > 1 or last_end_place > came_place then 1 else 0
        end
    ) over (partition by identity_key, is_readable) = 0 as is_alone,
    case
        when last_end_place is null then 'first'
        when n_clean_before_last_end >= n_clean_before_came then 'changed'
        when last_end_place = last_withdrawn_place then 'reinstated'
        else 'returned'
    end as arrived_as
from compared
{%- endmacro %}

-- A returned row is a feed whose rows of the fact, current versions and rows counted by
-- day are not as many: a share of trust would be of something else than it says.
with facts as (
    {% for feed, of in var('events').items() -%}
        select
            '{{ feed }}' as feed,
            count(*) as n_facts
        from {{ ref(of.fact) }}
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

current_versions as (
    select
        feed,
        sum(n_rows) as n_rows
    from {{ ref('fct_row_fates') }}
    where fate = 'current_version'
    group by feed
),

feeds as (
    select * from {{ ref('dim_feeds') }}
),

compared as (
    select
        facts.feed,
        facts.n_facts,
        coalesce(current_versions.n_rows, 0) as n_current_versions,
        coalesce(feeds.n_facts, 0) as n_facts_by_day
    from facts
    left join current_versions on facts.feed = current_versions.feed
    left join feeds on facts.feed = feeds.feed
)

-- A row of purchases may be of several units; its test of fates counts these.
select * from compared
where
    (n_facts <> n_current_versions and feed <> 'purchases')
    or n_facts < n_current_versions
    or n_facts <> n_facts_by_day

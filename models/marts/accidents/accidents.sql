{{ config(materialized='view') }}

-- A view stores the names that it reads, and the published file may be attached under
-- any: without the database's own.
select * from {{ ref('fct_accidents').include(database=false) }}
where record_state <> 'withdrawn'

select
    neighborhood_slug as slug,
    request_year,
    n_requests,
    requests_per_1000_residents,
    is_suppressed
from rpt_service_requests_by_neighborhood
order by slug, request_year

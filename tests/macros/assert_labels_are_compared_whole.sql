-- A returned row is a label whose slug is not the one expected.
with labels (sent, slug) as (
    values
    ('Gateway / Green Valley Ranch', 'gateway-green-valley-ranch'),
    ('gateway-green-valley-ranch', 'gateway-green-valley-ranch'),
    ('  CBD ', 'cbd'),
    ('Barnum West', 'barnum-west'),
    ('Sloan''s Lake', 'sloan-s-lake'),
    ('--', ''),
    (null, null)
)

select
    *,
    {{ label_slug('sent') }} as found_slug
from labels
where slug is distinct from {{ label_slug('sent') }}

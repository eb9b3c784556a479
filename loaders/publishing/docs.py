"""dbt's page of tables and columns, made readable for all (tests/loaders/test_docs.py)."""

# What dbt writes, and what we write in its place: contrast, landmarks, zoom.
_CHANGES = (
    (b"minimum-scale=1,maximum-scale=1,", b""),
    (
        b'<div class="app-menu app-column">',
        b'<div class="app-menu app-column" role="navigation" aria-label="All tables">',
    ),
    (
        b'<div class="app-content app-column">',
        b'<div class="app-content app-column" role="main">',
    ),
    (
        b"</head>",
        b"<style>.filename-normal,.switch-label.btn,.app-content th"
        b"{color:#555f66!important}"
        b".app-content p a{color:#067a7a;text-decoration:underline}</style></head>",
    ),
)


def accessible(page: bytes) -> bytes:
    """The page with enough contrast, with landmarks, and free to be zoomed."""
    for before, after in _CHANGES:
        page = page.replace(before, after, 1)
    return page

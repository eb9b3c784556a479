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
        b"<style>.filename-normal,.switch-label.btn,.app-content th,.app-content small,"
        b".detail-label{color:#555f66!important}"
        b".app-content a:not(.btn){color:#067a7a!important}"
        b".app-content .btn-primary{background:#067a7a!important}"
        b".detail-body,.table-responsive{max-height:none!important;overflow:visible!important}"
        b".app-content img{max-width:100%}"
        b".app-content p a{text-decoration:underline}</style></head>",
    ),
)


def accessible(page: bytes) -> bytes:
    """The page with enough contrast, with landmarks, and free to be zoomed."""
    for before, after in _CHANGES:
        page = page.replace(before, after, 1)
    return page

"""Settings, paths and names of ours as SQL writes them; data are bound, never written."""


def literal(text: str) -> str:
    """A setting or a path as an SQL string. Never for data."""
    return "'" + text.replace("'", "''") + "'"


def quoted(name: str) -> str:
    """A name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'

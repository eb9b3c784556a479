"""Texts from outside, made safe for what reads them next: SQL, or a terminal."""


def literal(text: str) -> str:
    """A setting or a path as an SQL string. Never for data."""
    return "'" + text.replace("'", "''") + "'"


def quoted(name: str) -> str:
    """A name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def printable(text: str) -> str:
    """A text from outside, safe to print: what a terminal would obey is escaped."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode()
        for char in text
    )

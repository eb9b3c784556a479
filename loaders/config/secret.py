"""The secret of an installation, by which personal ids become keys that tell nothing.

A person with a published file and a card hash could otherwise calculate its key, and look
it up. The secret is beside the landing database or in the environment, and in a macro of
the landing database that staging uses to make keys: nowhere else.
"""

import os
import secrets
from hashlib import sha256
from pathlib import Path

from loaders.disk import sync
from loaders.errors import UsageError

FILE = "customer.secret"
_VARIABLE = "EVENTMART_CUSTOMER_SECRET"
_MIN_LENGTH = 16


def read_secret(folder: Path) -> str:
    """Read the secret of a data folder; it is made where there is none.

    Raises:
        UsageError: if it is too short to be one.
    """
    secret = os.environ.get(_VARIABLE)
    where = _VARIABLE
    if not secret:
        file = folder / FILE
        if not file.exists():
            _make(file)
        secret, where = file.read_text().strip(), str(file)
    if len(secret) < _MIN_LENGTH:
        raise UsageError(
            f"{where}: has {len(secret)} characters, and {_MIN_LENGTH} are needed; it "
            "must be as hard to guess as a randomly generated password"
        )
    return secret


def definition(secret: str) -> str:
    """The macro `raw.keyed_text` as SQL: a hash that nobody else can calculate."""
    inner, outer = _part("inner", secret), _part("outer", secret)
    return (
        "create or replace macro raw.keyed_text(text) as "
        f"sha256('{outer}' || sha256('{inner}' || text))"
    )


def fingerprint(secret: str) -> str:
    """What tells a secret from another, and nothing of it."""
    return _part("fingerprint", secret)[:32]


def _part(name: str, secret: str) -> str:
    return sha256(f"{name}\0{secret}".encode()).hexdigest()


def _make(file: Path) -> None:
    """Write a new secret, whole or not at all."""
    new = file.with_name(f"{FILE}.new")
    new.unlink(missing_ok=True)
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as target:
        target.write(f"{secrets.token_hex(32)}\n")
    sync(new)
    new.rename(file)
    sync(file.parent)

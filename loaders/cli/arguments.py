"""Kinds of arguments of the command line, each within what can be meant by it."""

import math
from datetime import datetime
from typing import Any

import click

from loaders.landing.as_of import YEARS


class Whole(click.IntRange):
    """A whole number from some other on, as databases hold it."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Read it as `click.IntRange` does."""
        found: int = super().convert(value, param, ctx)
        if found >= 1 << 63:
            self.fail("is larger than any number here", param, ctx)
        return found


# Of deliveries, as the ledger counts them.
SEQUENCE = Whole(1)


class Moment(click.DateTime):
    """A date, with a time where that is allowed, of a year that can be meant."""

    def convert(
        self,
        value: Any,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> datetime:
        """Read it as `click.DateTime` does."""
        found: datetime = super().convert(value, param, ctx)
        if found.year not in YEARS:
            self.fail(f"{value}: expected a year of {YEARS[0]} to {YEARS[-1]}", param, ctx)
        return found


class Finite(click.FloatRange):
    """A number that is one: neither infinite nor `nan`, which is in every range."""

    def convert(
        self,
        value: Any,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> float:
        """Read it as `click.FloatRange` does."""
        found: float = super().convert(value, param, ctx)
        if not math.isfinite(found):
            self.fail(f"{value} is not a number", param, ctx)
        return found


class Text(click.types.StringParamType):
    """Words that can be stored: the shell may give none, or bytes that are no text."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """Take it as it is."""
        found: str = super().convert(value, param, ctx)
        if any("\ud800" <= char <= "\udfff" for char in found):
            self.fail("is not text in UTF-8", param, ctx)
        if not found.strip():
            self.fail("is blank", param, ctx)
        return found

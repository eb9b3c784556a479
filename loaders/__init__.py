"""Lands raw CSV drops in DuckDB and publishes what dbt builds from them."""

from importlib.metadata import version

__version__ = version("eventmart")

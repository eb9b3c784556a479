"""The handler of S3's events, by the name under which functions in a cloud call it."""

from loaders.landing.s3_events import handle_event

__all__ = ["handle_event"]

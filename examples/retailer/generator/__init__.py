"""The fictional retailer's source systems: a seeded, day-by-day stable generator of their exports."""

from .run import Summary, generate

__all__ = ["Summary", "generate"]

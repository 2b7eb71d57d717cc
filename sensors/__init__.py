"""What starts a run: schedules by the clock, sensors by what happens."""

from sensors.flow import automation

__all__ = ["automation"]

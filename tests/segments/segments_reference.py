"""The slow, obvious reference: segments of one person as of a day, condition by condition in plain Python.

Events have name, occurred_at (aware) and value, the event's revenue.
"""

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

from cdp_model.behaviour import Counted, Did, DidNot, First, In, Last, Moment, NotIn, Sequence, Step
from cdp_model.traits import Group, Segment
from tests.profiles.people_reference import window_days

Event = dict[str, Any]
EXPRESSIONS = {
    "country = 'DE'": lambda person: None if person["country"] is None else person["country"] == "DE",
    "country is null": lambda person: person["country"] is None,
    "country <> 'GB'": lambda person: None if person["country"] is None else person["country"] != "GB",
}
WHERE = {
    "revenue > 0": lambda event: None if event["value"] is None else event["value"] > 0,
    "revenue is null": lambda event: event["value"] is None,
}
"""The expressions that definitions may have, each with its meaning; None is unknown."""


class Reference:
    """One person with their events as of the end of ``as_of``, and every segment that there is."""

    def __init__(
        self, person: dict[str, Any], events: list[Event], segments: dict[str, Segment], as_of: dt.date, zone: str
    ) -> None:
        self.person, self.segments, self.as_of, self.zone = person, segments, as_of, ZoneInfo(zone)
        known = [event for event in events if self.day(event) <= as_of]
        self.events = sorted(known, key=lambda event: event["occurred_at"])

    def member(self, name: str) -> bool:
        return self.fits(self.segments[name])

    def fits(self, group: Group) -> bool:
        inside = [all(map(self.true, group.all))]
        if group.any:
            inside.append(any(map(self.true, group.any)))
        return all(inside) and not any(map(self.true, group.none))

    def true(self, part: Any) -> bool:
        if isinstance(part, str):
            return EXPRESSIONS[part](self.person) is True
        if isinstance(part, Did):
            return self.did(part.did)
        if isinstance(part, DidNot):
            return not self.did(part.did_not)
        if isinstance(part, First):
            return self.was(part.first, 0)
        if isinstance(part, Last):
            return self.was(part.last, -1)
        if isinstance(part, In):
            return self.member(part.in_)
        if isinstance(part, NotIn):
            return not self.member(part.not_in)
        if isinstance(part, Sequence):
            return self.found(part, self.in_order(part), 0, None)
        return self.fits(part)

    def did(self, counted: Counted) -> bool:
        days = window_days(counted.window, self.as_of)
        happened = [
            event
            for event in self.events
            if event["name"] in counted.events
            and (counted.where is None or WHERE[counted.where](event) is True)
            and self.day(event) in days
            and (counted.since is None or self.day(event) >= counted.since)
            and (counted.until is None or self.day(event) <= counted.until)
        ]
        return counted.at_least <= len(happened) and (counted.at_most is None or len(happened) <= counted.at_most)

    def was(self, moment: Moment, place: int) -> bool:
        of_these = [event for event in self.events if event["name"] in moment.events]
        known = [event for event in of_these if moment.where is None or WHERE[moment.where](event) is True]
        if not known:
            return False
        day = self.day(known[place])
        late = moment.since is None or day >= moment.since
        return day in window_days(moment.window, self.as_of) and late and (moment.until is None or day <= moment.until)

    def in_order(self, sequence: Sequence) -> list[Event]:
        """The events in order of time, and those of one moment in the order of the steps."""

        def place(event: Event) -> tuple[Any, ...]:
            return (event["occurred_at"], *(not self.is_step(step, event) for step in sequence.sequence))

        return sorted(self.events, key=place)

    def found(self, sequence: Sequence, events: list[Event], number: int, last: int | None) -> bool:
        """Whether the steps from ``number`` on can be found after the event in place ``last``: tries every way."""
        if number == len(sequence.sequence):
            return True
        step = sequence.sequence[number]
        after = [i for i in range(len(events)) if last is None or i > last]
        soon = [i for i in after if last is None or self.within(step, events[last], events[i])]
        of_step = [i for i in soon if self.is_step(step, events[i])]
        if step.not_:
            assert last is not None
            return not of_step and self.is_over(step, events[last]) and self.found(sequence, events, number + 1, last)
        days = window_days(sequence.window, self.as_of)
        return any(self.found(sequence, events, number + 1, i) for i in of_step if self.day(events[i]) in days)

    def within(self, step: Step, last: Event, event: Event) -> bool:
        gap = event["occurred_at"] - last["occurred_at"]
        return step.seconds is None or gap.total_seconds() <= step.seconds

    def is_over(self, step: Step, last: Event) -> bool:
        if step.seconds is None:
            return True
        until = last["occurred_at"] + dt.timedelta(seconds=step.seconds)
        return until.astimezone(self.zone).date() <= self.as_of

    def is_step(self, step: Step, event: Event) -> bool:
        named = event["name"] in (step.events or step.not_)
        return named and (step.where is None or WHERE[step.where](event) is True)

    def day(self, event: Event) -> dt.date:
        return event["occurred_at"].astimezone(self.zone).date()

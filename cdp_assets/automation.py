"""When assets materialize by themselves. Conditions have names, and each name has its reason."""

import dagster as dg

AFTER_UPSTREAM = (
    dg.AutomationCondition.any_deps_updated().since(
        dg.AutomationCondition.newly_requested() | dg.AutomationCondition.newly_updated()
    )
    & ~dg.AutomationCondition.any_deps_in_progress()
    & ~dg.AutomationCondition.in_progress()
).with_label("after upstream, once it is quiet")
"""New data upstream, and nothing upstream still being made.

Not Dagster's `eager`: that waits until no partition upstream is missing, and a company whose first day is in the
past, or that has no file for a holiday, always has some.
"""


STARTED_OTHERWISE = ("pulls", "raw", "predictions", "segments", "activation")
"""Sources are asked and predictions made by the daily schedules: a prediction is for a day, and not for each new event.
Raw streams start when files land, segments for the day of new profiles, syncs when a segment has changed.

The day of a segment is the day of the data: by condition, new profiles would make every day there ever was anew.
"""


def condition_for(key: dg.AssetKey) -> dg.AutomationCondition | None:
    """What has no sensor or schedule of its own follows what it is made from."""
    return None if key.path[0] in STARTED_OTHERWISE else AFTER_UPSTREAM

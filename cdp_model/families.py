"""Families of traits: what is asked about purchases, engagement and preferences everywhere, declared in one entry.

An entry of `traits.yaml` with `family` stands for several traits, each named `<entry>_<what>`, with its formula here.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from cdp_model.declared import Declared
from cdp_model.traits import Score, Trait, Window


class _Family(Declared):
    description: str = Field(description="What the events are, in words, such as: Online orders")
    events: list[str] = Field(min_length=1, description="Names of the events it looks at")
    where: str | None = Field(default=None, description="Only events for which this is true")

    def _over_events(self, aggregate: str, meaning: str, **more: Any) -> Trait:
        return Trait.model_validate(
            {
                "description": f"{self.description}: {meaning}",
                "aggregate": aggregate,
                "events": self.events,
                "where": self.where,
                **more,
            }
        )

    def _of_people(self, meaning: str, sql: str) -> Trait:
        return Trait(description=f"{self.description}: {meaning}", sql=sql)


class Purchases(_Family):
    """Recency, frequency and monetary value with their scores, mean value, and time between purchases.

    Scores are fifths of the people who have bought, 5 the best (Hughes, Strategic Database Marketing, 1994).
    """

    family: Literal["purchases"]
    value: str = Field(description="What one event is worth: an expression such as `revenue_reporting`")
    each: str | None = Field(
        default=None, description="Tells purchases apart where one is several events, such as `order_id` of its lines"
    )

    def traits(self, name: str) -> dict[str, Trait]:
        """The traits by name."""
        frequency = {"aggregate": "count_distinct", "of": self.each} if self.each else {"aggregate": "count"}
        found = {
            "frequency": self._over_events(meaning="how many", **frequency),
            "monetary": self._over_events("sum", "their value together", of=self.value, default=0),
            "recency": self._over_events("days_since_last", "days since the last"),
            "tenure": self._over_events("days_since_first", "days since the first"),
            "days_between": self._over_events("days_between", "mean days from one to the next"),
            "average_value": self._of_people(
                "mean value: monetary / frequency", f"{name}_monetary / nullif({name}_frequency, 0)"
            ),
        }
        for measure, best in (("recency", "lowest"), ("frequency", "highest"), ("monetary", "highest")):
            found[f"{measure}_score"] = Trait(
                description=f"{self.description}: fifth of the buyers by {measure}, 5 is best",
                score=Score(of=f"{name}_{measure}", best=best, among=f"{name}_frequency > 0"),
            )
        found["rfm"] = self._of_people(
            "recency, frequency and monetary score as three digits, 555 is best",
            f"100 * {name}_recency_score + 10 * {name}_frequency_score + {name}_monetary_score",
        )
        return {f"{name}_{what}": trait for what, trait in found.items()}


class Engagement(_Family):
    """How often, how lately and when a person does something."""

    family: Literal["engagement"]
    window: Window = Field(default="90 days", description="As of a trait; the days since the last are of all time")

    def traits(self, name: str) -> dict[str, Trait]:
        """The traits by name."""
        period = {"window": self.window}
        told = "ever" if self.window == "lifetime" else self.window
        found = {
            "count": self._over_events("count", f"how many ({told})", **period),
            "days": self._over_events("days_active", f"days with one ({told})", **period),
            "recency": self._over_events("days_since_last", "days since the last"),
            "hour": self._over_events(
                "most_frequent", f"hour with most of them, 0 to 23 ({told})", of="hour", **period
            ),
            "weekday": self._over_events(
                "most_frequent", f"weekday with most of them ({told})", of="weekday", **period
            ),
            "weekend_share": self._over_events(
                "ratio", f"share at weekends ({told})", of="weekday in ('Saturday', 'Sunday')", **period
            ),
            "longest_streak": self._over_events("longest_streak", f"most days in a row ({told})", **period),
        }
        return {f"{name}_{what}": trait for what, trait in found.items()}


class Preference(_Family):
    """What a person chooses: categories, brands, channels or interests, from what they look at or buy."""

    family: Literal["preference"]
    of: str = Field(description="What is chosen: an expression such as `properties->>'category'`")
    window: Window = Field(default="90 days", description="As of a trait")

    def traits(self, name: str) -> dict[str, Trait]:
        """The traits by name."""
        period = {"of": self.of, "window": self.window}
        told = "ever" if self.window == "lifetime" else self.window
        found = {
            "favourite": self._over_events(
                "most_frequent", f"the most frequent; of equals the first by name ({told})", **period
            ),
            "latest": self._over_events("last", f"the latest ({told})", **period),
            "all": self._over_events("distinct", f"all, sorted ({told})", **period),
            "variety": self._over_events("count_distinct", f"how many different ({told})", **period),
        }
        return {f"{name}_{what}": trait for what, trait in found.items()}


def _tag(entry: Any) -> str:
    family = entry.get("family", "trait") if isinstance(entry, Mapping) else getattr(entry, "family", "trait")
    return str(family)


TraitEntry = Annotated[
    Annotated[Trait, Tag("trait")]
    | Annotated[Purchases, Tag("purchases")]
    | Annotated[Engagement, Tag("engagement")]
    | Annotated[Preference, Tag("preference")],
    Discriminator(_tag),
]
"""One entry of `traits.yaml`: a trait, or a family of them."""

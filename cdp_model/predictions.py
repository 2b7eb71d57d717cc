"""The types of predictions, and the columns that each gives to people: what they are expected to do."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Days = Annotated[str, StringConstraints(pattern=r"^[1-9]\d* days?$")]
KEPT = "400 days"
"""A year, and enough to compare with the year before."""
Horizon = Annotated[int, Field(ge=1, le=1095)]


class _Prediction(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    description: str = Field(description="What is predicted, in words")
    owner: str | None = Field(default=None, description="Who answers for it, if not the company's owner")
    retrain: Days = Field(default="30 days", description="A version older than this is replaced by a new one")
    keep: Days = Field(default=KEPT, description="For how long what was predicted is kept; older days are deleted")

    @property
    def keep_days(self) -> int:
        """How old what was predicted becomes."""
        return days_in(self.keep)

    @property
    def retrain_days(self) -> int:
        """How old a version becomes."""
        return days_in(self.retrain)


class ValuePrediction(_Prediction):
    """How often and for how much a person will buy, and whether they still do: BG/NBD and Gamma-Gamma.

    Gives `<name>_alive` (probability), `<name>_purchases_<n>d` (days with a purchase) and `<name>_revenue_<n>d`
    (reporting currency), of people with a purchase.
    """

    kind: Literal["value"]
    events: list[str] = Field(default=[], description="Names of the events that are purchases; empty: all with revenue")
    horizons: list[Horizon] = Field(default=[90, 365], min_length=1, description="Days ahead")

    def columns(self, name: str) -> dict[str, tuple[str, str]]:
        """The columns it gives: type and meaning by name."""
        found = {f"{name}_alive": ("DOUBLE", "Probability that the person still buys")}
        for days in self.horizons:
            found[f"{name}_purchases_{days}d"] = ("DOUBLE", f"Expected days with a purchase in the next {days} days")
            found[f"{name}_revenue_{days}d"] = ("DOUBLE", f"Expected revenue of the next {days} days")
        return found


class PropensityPrediction(_Prediction):
    """The probability that a person does something within some days; with `happens: false`, that they do not (churn).

    Gives `<name>_probability`.
    """

    kind: Literal["propensity"]
    events: list[str] = Field(min_length=1, description="Names of the events that are waited for")
    where: str | None = Field(default=None, description="Only events for which this is true")
    within: Days = Field(default="30 days", description="How long it is waited for them")
    happens: bool = Field(default=True, description="`false` predicts that no such event comes")
    among: str | None = Field(
        default=None,
        description="Only of people for whom this is true; by default of all, or, with `happens: false`, of those who "
        "have done it before",
    )
    features: list[str] | None = Field(
        default=None, description="Names of the traits to predict from; by default all that can be used honestly"
    )

    @property
    def within_days(self) -> int:
        """How many days are waited."""
        return days_in(self.within)

    def columns(self, name: str) -> dict[str, tuple[str, str]]:
        """The columns it gives: type and meaning by name."""
        return {f"{name}_probability": ("DOUBLE", f"{self.description}: probability, for the next {self.within}")}


class NextProductPrediction(_Prediction):
    """What a person will buy next: which products follow which, and for each person those they do not have yet.

    Gives `<name>_items`, a list, the best first.
    """

    kind: Literal["next_product"]
    events: list[str] = Field(min_length=1, description="Names of the events that are purchases of a product")
    item: str = Field(default="product_id", description="What is recommended, of each event")
    within: Days = Field(default="30 days", description="How soon a product must follow another")
    count: int = Field(default=5, ge=1, le=50, description="Recommendations for each person")

    @property
    def within_days(self) -> int:
        """How many days a product may come after another."""
        return days_in(self.within)

    def columns(self, name: str) -> dict[str, tuple[str, str]]:
        """The columns it gives: type and meaning by name."""
        return {f"{name}_items": ("VARCHAR[]", f"{self.description}: the best first")}


Prediction = Annotated[
    ValuePrediction | PropensityPrediction | NextProductPrediction,
    Field(discriminator="kind", description="`predictions.yaml`, one entry"),
]


def days_in(text: str) -> int:
    """`30 days` as a number."""
    return int(text.split()[0])


def predicted_columns(predictions: Mapping[str, Prediction]) -> dict[str, tuple[str, str]]:
    """Every column that predictions give to people: type and meaning by name."""
    return {
        column: said for name, prediction in predictions.items() for column, said in prediction.columns(name).items()
    }


def columns_of_broken(name: str) -> list[str]:
    """What a prediction with mistakes may have been going to give, so that its users are not mistakes as well."""
    kinds: list[Prediction] = [
        ValuePrediction(kind="value", description=""),
        PropensityPrediction(kind="propensity", description="", events=[""]),
        NextProductPrediction(kind="next_product", description="", events=[""]),
    ]
    return [column for kind in kinds for column in kind.columns(name)]

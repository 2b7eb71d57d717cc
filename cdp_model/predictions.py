"""The types of predictions, and the columns that each gives to people: what they are expected to do."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from cdp_model.declared import Declared
from cdp_model.traits import Segment

Days = Annotated[str, StringConstraints(pattern=r"^[1-9]\d* days?$")]
KEPT = "400 days"
"""A year, and enough to compare with the year before."""
MOST_CLUSTERS = 20
ANY_SIZE = 2**53
Horizon = Annotated[int, Field(ge=1, le=1095)]


class _Prediction(Declared):
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


class ClustersPrediction(_Prediction):
    """Groups of people who are alike in some traits, found in the data (k-means); each of them is a segment.

    Gives `<name>_cluster`, a number, and the segments `<name>_1` to `<name>_<most>`. A number stays with the group that
    is most like the one that had it before.
    """

    kind: Literal["clusters"]
    traits: list[str] = Field(min_length=2, max_length=20, description="Names of the traits by which people are alike")
    among: str | None = Field(
        default=None, description="Only people for whom this is true; by default all who have all of the traits"
    )
    fewest: int = Field(default=3, ge=2, le=MOST_CLUSTERS, description="At least so many groups")
    most: int = Field(default=6, ge=2, le=MOST_CLUSTERS, description="At most so many groups")

    @model_validator(mode="after")
    def _in_order(self) -> "ClustersPrediction":
        if self.most < self.fewest:
            raise ValueError("`most` is less than `fewest`")
        return self

    def columns(self, name: str) -> dict[str, tuple[str, str]]:
        """The columns it gives: type and meaning by name."""
        return {f"{name}_cluster": ("DOUBLE", f"{self.description}: the number of the group that a person is in")}

    def segments(self, name: str) -> dict[str, Segment]:
        """A segment for each group that there may be. Of those, some have nobody: how many there are is found out."""
        return {
            f"{name}_{number}": Segment(
                description=f"{self.description}: group {number}",
                owner=self.owner,
                all=[f"{name}_cluster = {number}"],
                expected_size=(0, ANY_SIZE),
            )
            for number in range(1, self.most + 1)
        }


Prediction = Annotated[
    ValuePrediction | PropensityPrediction | NextProductPrediction | ClustersPrediction,
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


def segments_of_clusters(predictions: Mapping[str, Prediction]) -> dict[str, tuple[str, Segment]]:
    """The segments that clusters are, with the prediction of each."""
    return {
        segment: (name, declared)
        for name, prediction in predictions.items()
        if isinstance(prediction, ClustersPrediction)
        for segment, declared in prediction.segments(name).items()
    }


def columns_of_broken(name: str) -> list[str]:
    """What a prediction with mistakes may have been going to give, so that its users are not mistakes as well."""
    kinds: list[Prediction] = [
        ValuePrediction(kind="value", description=""),
        PropensityPrediction(kind="propensity", description="", events=[""]),
        NextProductPrediction(kind="next_product", description="", events=[""]),
        ClustersPrediction(kind="clusters", description="", traits=["", ""]),
    ]
    return [column for kind in kinds for column in kind.columns(name)]

"""Where the model has expressions, and what those over people may read."""

from collections.abc import Collection, Iterator

from cdp_model.documents import KeyPath
from cdp_model.expressions import BadExpression, columns_of
from cdp_model.model import Model
from cdp_model.predictions import columns_of_broken, predicted_columns
from cdp_model.sources import Mapping
from cdp_model.traits import PERSON_COLUMNS

NOT_EXPRESSIONS = {"merge", "name", "purpose", "channel", "basis", "payload"}


def person_columns(model: Model, broken: Collection[tuple[str, str]] = ()) -> list[str]:
    """What an expression over people may use: attributes, traits and predictions."""
    traits = [*model.traits, *(name for kind, name in broken if kind == "Trait")]
    unknown = [column for kind, name in broken if kind == "Prediction" for column in columns_of_broken(name)]
    return [*PERSON_COLUMNS, *traits, *predicted_columns(model.predictions), *unknown]


def needed_columns(model: Model, name: str, broken: Collection[tuple[str, str]] = ()) -> list[str]:
    """The columns of people that an `sql` or `score` trait reads; none of another."""
    trait = model.traits[name]
    found = [trait.score.of] if trait.score else []
    expression = trait.score.among if trait.score else trait.sql
    try:
        return found + (columns_of(expression, person_columns(model, broken)) if expression else [])
    except BadExpression:
        return found


def traits_of_predictions(model: Model, broken: Collection[tuple[str, str]] = ()) -> set[str]:
    """The `sql` and `score` traits that need a prediction, by themselves or through other traits."""
    predicted = {*predicted_columns(model.predictions)}
    predicted |= {column for kind, name in broken if kind == "Prediction" for column in columns_of_broken(name)}
    needs = {name: {*needed_columns(model, name, broken)} for name in model.traits if predicted}
    found: set[str] = set()
    while more := {name for name, needed in needs.items() if needed & (predicted | found)} - found:
        found |= more
    return found


def mapped_expressions(mapping: Mapping) -> Iterator[tuple[KeyPath, str]]:
    """Each expression of a mapping with its path below the mapping."""
    for field in type(mapping).model_fields:
        value = getattr(mapping, field)
        if field in NOT_EXPRESSIONS or value is None:
            continue
        if isinstance(value, dict):
            yield from (((field, key), expression) for key, expression in value.items())
        else:
            yield (field,), value

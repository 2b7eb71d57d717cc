"""Which currencies the sources are declared to send, and whether each has an exchange rate.

Only what an expression says by itself is known here, such as `"'USD'"`. What comes from the data is looked at when it
is there: the check `amounts_have_rates` of `profiles/traits`.
"""

import re
from collections.abc import Collection, Iterator
from typing import Any

from sqlglot import exp

from cdp_model.documents import KeyPath
from cdp_model.expressions import BadExpression, parse
from cdp_model.model import Model
from cdp_model.sources import Stream


def currency_mistakes(model: Model) -> Iterator[tuple[str, str, KeyPath, str]]:
    """Kind, name, path and message of each amount that is declared in a currency without any rate."""
    rated = {model.company.currency, *model.company.exchange_rates}
    any_rated = False
    for _, _, stream in model.streams():
        for rate in stream.exchange_rates:
            known, complete = constants(rate.currency, stream.columns)
            rated |= known
            any_rated |= not complete
    for source, name, stream in model.streams():
        for i, currency in _currencies_of_amounts(stream):
            for code in sorted(constants(currency, stream.columns)[0]):
                path: KeyPath = ("streams", name, "events", i, "currency")
                if not re.fullmatch("[A-Z]{3}", code):
                    why = f"`{code}` is no currency: write three letters, such as EUR (ISO 4217)"
                    yield "Source", source.name, path, why
                elif code not in rated and not any_rated:
                    yield "Source", source.name, path, _without_rate(model, code)


def constants(expression: str, columns: Collection[str]) -> tuple[set[str], bool]:
    """The texts in capitals that an expression can give, and whether it can give no others."""
    try:
        found = list(_results(parse(expression, columns)))
    except BadExpression:  # reported already
        return set(), False
    texts = {node.name.strip().upper() for node in found if isinstance(node, exp.Literal) and node.is_string}
    return texts, all(isinstance(node, exp.Literal | exp.Null) for node in found)


def _results(node: Any) -> Iterator[Any]:
    """The parts of an expression that can be its value."""
    if isinstance(node, exp.Paren | exp.Upper):
        yield from _results(node.this)
    elif isinstance(node, exp.Case):
        for each in [*(branch.args["true"] for branch in node.args["ifs"]), node.args.get("default")]:
            yield from _results(each) if each is not None else ()
    elif isinstance(node, exp.Coalesce):
        for each in [node.this, *node.expressions]:
            yield from _results(each)
    else:
        yield node


def _currencies_of_amounts(stream: Stream) -> Iterator[tuple[int, str]]:
    return ((i, e.currency) for i, e in enumerate(stream.events) if e.revenue and e.currency)


def _without_rate(model: Model, code: str) -> str:
    return (
        f"`{code}` is not the reporting currency {model.company.currency}, and nothing declares what it is worth: add "
        f"a stream with `exchange_rates`, or `exchange_rates: {{{code}: …}}` to company.yaml"
    )

"""SQL from configuration: parsed, restricted to one scalar expression, and written out again from its tree."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any
from zoneinfo import available_timezones

import sqlglot
from rapidfuzz import process
from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.errors import SqlglotError

from cdp_model.functions import FORBIDDEN, IMPURE, IMPURE_NAMES, SCALAR_FUNCTIONS


class _PathsAsWritten(DuckDB):
    """DuckDB's SQL with JSON paths left alone: sqlglot takes the key `a.b` for the path `$.a.b`."""

    def to_json_path(self, path: Any) -> Any:
        return path


DIALECT = _PathsAsWritten(version=version("duckdb"))
ZONES = sorted(name.lower() for name in available_timezones() - {"localtime"})


@dataclass(frozen=True)
class BadExpression(Exception):
    """Why an expression is refused, in words for the person who wrote it."""

    reason: str

    def __str__(self) -> str:
        return self.reason


def parse(sql: str, columns: Collection[str]) -> exp.Expression:
    """The syntax tree of one scalar DuckDB expression over ``columns`` (matched without regard to case).

    Raises ``BadExpression`` for anything else: statements, subqueries, aggregates, unknown columns, functions
    that read files, settings, randomness or the clock.
    """
    try:
        statements = sqlglot.parse(f"SELECT {sql}", dialect=DIALECT)
    except RecursionError as error:
        raise BadExpression("is nested too deeply") from error
    except (SqlglotError, ValueError) as error:
        raise BadExpression(f"not a valid SQL expression: {_first_line(error)}{_unbalanced(sql)}") from error
    select = statements[0] if len(statements) == 1 else None
    if not isinstance(select, exp.Select) or len(select.expressions) != 1 or _has_clauses(select):
        raise BadExpression("must be a single SQL expression, without SELECT, FROM, semicolons or several values")
    tree = select.expressions[0]
    if isinstance(tree, exp.Alias):
        raise BadExpression("must be an expression without AS")
    for node in tree.walk():
        _refuse(node)
        _refuse_unknown_zone(node)
    by_lower = {column.lower(): column for column in columns}
    for column in tree.find_all(exp.Column):
        if not column.table and column.name.lower() in _parameters_around(column):
            continue
        if column.table:
            hint = (
                f"; write {column.table}->>'{column.name}' for a nested value"
                if column.table.lower() in by_lower
                else ""
            )
            raise BadExpression(f"unknown column `{column.table}.{column.name}`{hint}")
        if column.name.lower() not in by_lower:
            raise BadExpression(f"unknown column `{column.name}`{did_you_mean(column.name, columns)}")
        column.this.set("this", by_lower[column.name.lower()])
    return tree


def render(sql: str, columns: Collection[str]) -> str:
    """The checked expression as DuckDB SQL, written from its tree, every identifier quoted."""
    return _written(_guarded(sql, columns))


def computed(sql: str, columns: Collection[str], stored: Callable[[str], str] | None = None) -> str:
    """The checked expression as DuckDB SQL that is null where it cannot be computed: one odd row stops no others.

    Dividing by zero gives null as well, where DuckDB gives infinity. ``stored`` gives the name of the column that has
    what is read (see ``reads``), where that was read before.
    """
    tree = _guarded(sql, columns)
    if stored:
        whole = exp.Paren(this=tree)  # a node without a parent cannot be replaced
        for node in list(_reads(tree)):
            node.replace(exp.column(exp.to_identifier(stored(_written(node)), quoted=True)))
        tree = whole.this
    for node in list(tree.find_all(exp.Div)):
        if not isinstance(node.expression, exp.Nullif):
            node.set("expression", exp.Nullif(this=node.expression, expression=exp.Literal.number(0)))
    return f"TRY({_written(tree)})"


def reads(sql: str, columns: Collection[str]) -> list[str]:
    """What an expression takes from a row, as SQL: columns, and of nested values the paths that it names."""
    return sorted({_written(node) for node in _reads(_guarded(sql, columns))})


def holds(sql: str, columns: Collection[str]) -> str:
    """The checked condition as DuckDB SQL: true or false, and false where it cannot be told."""
    return f"coalesce(TRY_CAST({computed(sql, columns)} AS BOOLEAN), false)"


def columns_of(sql: str, columns: Collection[str]) -> list[str]:
    """The columns that an expression reads, sorted."""
    found = parse(sql, columns).find_all(exp.Column)
    return sorted({c.name for c in found if c.name.lower() not in _parameters_around(c)} & set(columns))


def did_you_mean(name: str, known: Collection[str]) -> str:
    """``; did you mean `x`?`` for the nearest known name, or the empty string when none is near."""
    best = process.extractOne(name.lower(), {key: key.lower() for key in known}, score_cutoff=70)
    return f"; did you mean `{best[2]}`?" if best else ""


def _parameters_around(column: exp.Expression) -> Iterator[str]:
    """Names, in lower case, of the parameters of the lambdas that a column stands in."""
    node = column.find_ancestor(exp.Lambda)
    while node:
        yield from (parameter.name.lower() for parameter in node.expressions)
        node = node.find_ancestor(exp.Lambda)


def _reads(tree: exp.Expression) -> Iterator[exp.Expression]:
    for column in tree.find_all(exp.Column):
        if column.name.lower() in _parameters_around(column):
            continue
        node: Any = column
        while (
            isinstance(node.parent, exp.JSONExtract | exp.JSONExtractScalar)
            and node.parent.this is node
            and isinstance(node.parent.expression, exp.Literal)
        ):
            node = node.parent
        yield node


def _written(tree: exp.Expression) -> str:
    return tree.sql(dialect=DIALECT, identify=True, comments=False)


def _guarded(sql: str, columns: Collection[str]) -> exp.Expression:
    tree = parse(sql, columns).copy()
    for node in list(tree.walk()):
        _guard_zone(node)
    return tree


def _refuse(node: exp.Expression) -> None:
    name = node.name.lower() if isinstance(node, exp.Anonymous) else ""
    if isinstance(node, IMPURE) or name in IMPURE_NAMES or (name == "age" and len(node.expressions) < 2):
        raise BadExpression(
            f"`{node.sql('duckdb')}` gives another answer each time; use `as_of`, or a column of the data"
        )
    if isinstance(node, FORBIDDEN):
        raise BadExpression(f"`{node.sql('duckdb')[:60]}` is not allowed here: only scalar expressions are")
    if name and name not in SCALAR_FUNCTIONS:
        raise BadExpression(f"unknown function `{node.name}`{did_you_mean(node.name, SCALAR_FUNCTIONS)}")


def _zone(node: Any) -> Any:
    """The time zone that a node converts to or from."""
    if isinstance(node, exp.AtTimeZone):
        return node.args["zone"]
    if isinstance(node, exp.Anonymous) and node.name.lower() == "timezone" and len(node.expressions) == 2:
        return node.expressions[0]
    return None


def _refuse_unknown_zone(node: Any) -> None:
    zone = _zone(node)
    if isinstance(zone, exp.Literal) and zone.is_string and zone.name.lower() not in ZONES:
        raise BadExpression(f"unknown time zone `{zone.name}`{did_you_mean(zone.name, available_timezones())}")


def _guard_zone(node: Any) -> None:
    """Make a zone from the data null when there is none of its name: DuckDB fails on it, even inside TRY."""
    zone = _zone(node)
    if zone is not None and not isinstance(zone, exp.Literal):
        known = exp.In(this=exp.Lower(this=zone.copy()), expressions=[exp.Literal.string(name) for name in ZONES])
        zone.replace(exp.Case(ifs=[exp.If(this=known, true=zone.copy())]))


def _has_clauses(select: exp.Select) -> bool:
    return any(value for key, value in select.args.items() if key not in ("expressions", "kind"))


def _unbalanced(sql: str) -> str:
    """A hint for the usual cause of half an expression: YAML ends it at the comma of a [list] or at a `#`."""
    if sql.count("(") == sql.count(")"):
        return ""
    return f" The expression is {sql!r}: if that is only a part, quote it or give it a line of its own"


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0].replace("\x1b[4m", "").replace("\x1b[0m", "")

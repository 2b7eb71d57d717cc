"""SQL from configuration: parsed, restricted to one scalar expression, and written out again from its tree."""

from collections.abc import Collection
from dataclasses import dataclass

import sqlglot
from rapidfuzz import process
from sqlglot import exp
from sqlglot.errors import SqlglotError

FORBIDDEN: tuple[type, ...] = (
    exp.Query,
    exp.Window,
    exp.AggFunc,
    exp.UDTF,
    exp.Unnest,
    exp.Table,
    exp.Star,
    exp.Command,
    exp.Parameter,
    exp.Placeholder,
    exp.SessionParameter,
    exp.Into,
    exp.DDL,
)
SCALAR_FUNCTIONS = frozenset(
    [
        "array_value",
        "bar",
        "bit_count",
        "chr",
        "contains",
        "damerau_levenshtein",
        "date_add",
        "date_diff",
        "date_part",
        "date_sub",
        "date_trunc",
        "datediff",
        "datepart",
        "datesub",
        "datetrunc",
        "dayname",
        "dayofmonth",
        "dayofweek",
        "dayofyear",
        "element_at",
        "ends_with",
        "epoch",
        "epoch_ms",
        "epoch_ns",
        "epoch_us",
        "even",
        "exp",
        "factorial",
        "fmod",
        "format",
        "formatreadablesize",
        "from_base64",
        "from_hex",
        "gcd",
        "greatest",
        "hamming",
        "hash",
        "instr",
        "isfinite",
        "isinf",
        "isnan",
        "isodow",
        "isoyear",
        "jaccard",
        "jaro_similarity",
        "jaro_winkler_similarity",
        "json_array_length",
        "json_contains",
        "json_exists",
        "json_extract",
        "json_extract_path",
        "json_extract_path_text",
        "json_extract_string",
        "json_keys",
        "json_type",
        "json_valid",
        "json_value",
        "lcm",
        "least",
        "levenshtein",
        "list_contains",
        "list_distinct",
        "list_extract",
        "list_filter",
        "list_has_any",
        "list_sort",
        "list_transform",
        "list_value",
        "ltrim",
        "make_date",
        "make_time",
        "make_timestamp",
        "map_extract",
        "map_keys",
        "map_values",
        "md5",
        "monthname",
        "nfc_normalize",
        "nullif",
        "ord",
        "parse_filename",
        "position",
        "prefix",
        "printf",
        "quarter",
        "regexp_extract",
        "regexp_full_match",
        "regexp_matches",
        "regexp_replace",
        "regexp_split_to_array",
        "replace",
        "reverse",
        "right",
        "rpad",
        "rtrim",
        "sha256",
        "split_part",
        "starts_with",
        "strftime",
        "string_split",
        "strip_accents",
        "strlen",
        "strptime",
        "substr",
        "substring",
        "suffix",
        "sign",
        "time_bucket",
        "timezone",
        "to_base64",
        "to_days",
        "to_hours",
        "to_json",
        "to_milliseconds",
        "to_minutes",
        "to_months",
        "to_seconds",
        "to_timestamp",
        "to_weeks",
        "to_years",
        "translate",
        "trim",
        "trunc",
        "try_strptime",
        "unicode",
        "weekday",
        "weekofyear",
        "yearweek",
        "try",
        "age",
        "century",
        "decade",
    ]
)
"""DuckDB's pure scalar functions that sqlglot has no class for. Nothing that reads files, settings or the clock."""

IMPURE: tuple[type, ...] = (
    exp.CurrentDate,
    exp.CurrentTimestamp,
    exp.CurrentTime,
    exp.CurrentUser,
    exp.Rand,
    exp.Uuid,
)


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
        statements = sqlglot.parse(f"SELECT {sql}", dialect="duckdb")
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
    by_lower = {column.lower(): column for column in columns}
    lambda_names = {name for node in tree.find_all(exp.Lambda) for name in (str(p.name) for p in node.expressions)}
    for column in tree.find_all(exp.Column):
        if column.name in lambda_names and not column.table:
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
    return parse(sql, columns).sql(dialect="duckdb", identify=True)


def columns_of(sql: str, columns: Collection[str]) -> list[str]:
    """The columns that an expression reads, sorted."""
    return sorted({column.name for column in parse(sql, columns).find_all(exp.Column)} & set(columns))


def did_you_mean(name: str, known: Collection[str]) -> str:
    """``; did you mean `x`?`` for the nearest known name, or the empty string when none is near."""
    best = process.extractOne(name.lower(), {key: key.lower() for key in known}, score_cutoff=70)
    return f"; did you mean `{best[2]}`?" if best else ""


def _refuse(node: exp.Expression) -> None:
    if isinstance(node, IMPURE):
        raise BadExpression(
            f"`{node.sql('duckdb')}` gives another answer each time; use `as_of`, or a column of the data"
        )
    if isinstance(node, FORBIDDEN):
        raise BadExpression(f"`{node.sql('duckdb')[:60]}` is not allowed here: only scalar expressions are")
    if isinstance(node, exp.Anonymous) and node.name.lower() not in SCALAR_FUNCTIONS:
        raise BadExpression(f"unknown function `{node.name}`{did_you_mean(node.name, SCALAR_FUNCTIONS)}")


def _has_clauses(select: exp.Select) -> bool:
    return any(value for key, value in select.args.items() if key not in ("expressions", "kind"))


def _unbalanced(sql: str) -> str:
    """A hint for the usual cause of half an expression: YAML ends it at the comma of a [list] or at a `#`."""
    if sql.count("(") == sql.count(")"):
        return ""
    return f" The expression is {sql!r}: if that is only a part, quote it or give it a line of its own"


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0].replace("\x1b[4m", "").replace("\x1b[0m", "")

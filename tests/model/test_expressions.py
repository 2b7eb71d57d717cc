"""SQL from configuration: what is refused, and that what is accepted means what its author wrote."""

import datetime as dt
import re
from collections.abc import Iterator

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdp_model.expressions import BadExpression, columns_of, computed, parse, reads, render

COLUMNS = ["email", "traits", "Customer ID", 'we"ird', "amount"]


def refusal(sql: str, columns: list[str] = COLUMNS) -> str:
    with pytest.raises(BadExpression) as refused:
        parse(sql, columns)
    return str(refused.value)


@pytest.mark.parametrize(
    "sql",
    [
        "(SELECT 1)",
        "EXISTS (SELECT 1)",
        "email IN (SELECT 'x')",
        "email = ANY(SELECT 'x')",
        "count(*)",
        "sum(amount)",
        "coalesce(max(amount), 0)",
        "list(email)",
        "string_agg(email, ',')",
        "arg_max(email, amount)",
        "sum(amount) OVER ()",
        "row_number() OVER (ORDER BY email)",
        "lag(email) OVER ()",
        "*",
        "traits.*",
        "COLUMNS('.*')",
        "COLUMNS(*)",
        "unnest([1, 2])",
        "generate_series(1, 10)",
        "read_csv('/etc/passwd')",
        "read_parquet('x')",
        "?",
        "$1",
        "$name",
    ],
)
def test_what_is_no_scalar_expression_is_refused(sql: str) -> None:
    assert "is not allowed here: only scalar expressions are" in refusal(sql) or "SELECT" in refusal(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "email; DROP TABLE raw.people",
        "email; SELECT 1",
        "email FROM raw.people",
        "email WHERE true",
        "email LIMIT 1",
        "email, amount",
        "DISTINCT email",
        "1 UNION SELECT 2",
        "",
        "   ",
        "-- nothing",
    ],
)
def test_more_or_less_than_one_expression_is_refused(sql: str) -> None:
    assert refusal(sql).startswith("must be a single SQL expression")


@pytest.mark.parametrize("sql", ["email AS mail", "email mail"])
def test_an_alias_is_refused(sql: str) -> None:
    assert refusal(sql) == "must be an expression without AS"


@pytest.mark.parametrize("sql", ["lower(email", "'a", "email = ", "case when email", "DROP TABLE x"])
def test_broken_sql_is_refused(sql: str) -> None:
    assert refusal(sql).startswith("not a valid SQL expression")


def test_half_an_expression_hints_at_what_yaml_does_with_commas() -> None:
    assert "quote it or give it a line of its own" in refusal("coalesce(email")


def test_an_expression_nested_too_deeply_is_refused() -> None:
    assert refusal("(" * 5000 + "1" + ")" * 5000) == "is nested too deeply"


@pytest.mark.parametrize(
    "function", ["read_text", "read_blob", "glob", "getenv", "current_setting", "getvariable", "query", "sniff_csv"]
)
def test_functions_that_read_files_or_settings_are_unknown(function: str) -> None:
    assert refusal(f"{function}('/etc/passwd')").startswith(f"unknown function `{function}`")


@pytest.mark.parametrize(
    "sql",
    [
        "now()",
        "today()",
        "current_date",
        "current_time",
        "current_timestamp",
        "localtime",
        "localtimestamp",
        "get_current_timestamp()",
        "transaction_timestamp()",
        "age(email::date)",
        "random()",
        "uuid()",
        "gen_random_uuid()",
        "current_user",
        "current_schema()",
        "version()",
    ],
)
def test_the_clock_and_chance_are_refused_with_another_way(sql: str) -> None:
    assert refusal(sql).endswith("gives another answer each time; use `as_of`, or a column of the data")


def test_no_aggregate_table_function_or_changing_function_of_duckdb_is_accepted() -> None:
    functions = duckdb.sql("""
        SELECT DISTINCT function_name FROM duckdb_functions() WHERE regexp_full_match(function_name, '\\w+')
        AND (function_type IN ('aggregate', 'table', 'table_macro', 'pragma') OR stability <> 'CONSISTENT'
             OR has_side_effects)
        EXCEPT SELECT function_name FROM duckdb_functions()
        WHERE function_type IN ('scalar', 'macro') AND coalesce(stability, 'CONSISTENT') = 'CONSISTENT'
        AND coalesce(has_side_effects, false) = false
    """).fetchall()
    accepted = []
    for (function,) in functions:
        for arguments in ("", "email", "'a'", "email, email", "'a', 1", "email, email, email"):
            try:
                parse(f"{function}({arguments})", COLUMNS)
            except BadExpression:
                continue
            accepted.append(f"{function}({arguments})")
    assert len(functions) > 100
    assert accepted == []


def test_unknown_names_come_with_the_nearest_known_one() -> None:
    assert refusal("emial") == "unknown column `emial`; did you mean `email`?"
    assert refusal('"Customer Id" || "Custmer ID"') == "unknown column `Custmer ID`; did you mean `Customer ID`?"
    assert refusal("regex_extract(email, 'x')").startswith("unknown function `regex_extract`; did you mean `regexp_")
    assert refusal("zzz") == "unknown column `zzz`"


def test_a_nested_value_comes_with_how_to_write_it() -> None:
    assert refusal("traits.email") == "unknown column `traits.email`; write traits->>'email' for a nested value"
    assert refusal("a.email") == "unknown column `a.email`"


def test_lambdas_are_allowed_and_their_parameters_end_with_them() -> None:
    assert duckdb.sql(f"SELECT {render('list_transform([1, 2], lambda X: x + 1)', [])}").fetchall() == [([2, 3],)]
    nested = "list_transform([1], lambda a: list_transform([2], lambda b: a + b))"
    assert duckdb.sql(f"SELECT {render(nested, [])}").fetchall() == [([[3]],)]
    assert refusal("list_transform([1], lambda y: y) || y") == "unknown column `y`"


def test_a_parameter_hides_the_column_of_its_name() -> None:
    assert columns_of("list_filter([amount], lambda email: email > 1)", COLUMNS) == ["amount"]


def test_columns_are_found_whatever_their_case_and_quoted_as_they_are() -> None:
    assert render('EMAIL || "customer id"', COLUMNS) == '"email" || "Customer ID"'
    assert render('"we""ird"', COLUMNS) == '"we""ird"'
    assert columns_of('lower("CUSTOMER ID") || email || email', COLUMNS) == ["Customer ID", "email"]


def test_comments_are_left_out() -> None:
    assert render("email -- */ ; DROP TABLE x", COLUMNS) == '"email"'
    assert render("email /* mail */", COLUMNS) == '"email"'


ROW = {
    "name": ("VARCHAR", "Ann O'Brien"),
    "j": ("JSON", '{"a": {"b": "c"}, "a.b": "dotted", "Customer ID": 7, "l": [1, 2, 3], "x/y": 1}'),
    "n": ("INTEGER", 7),
    "m": ("INTEGER", -3),
    "f": ("DOUBLE", 2.5),
    "d": ("DATE", dt.date(2026, 3, 29)),
    "ts": ("TIMESTAMPTZ", dt.datetime(2026, 3, 29, 1, 30, tzinfo=dt.UTC)),
    "xs": ("INTEGER[]", [3, 1, 2]),
    "b": ("BOOLEAN", True),
    "nul": ("VARCHAR", None),
    "german": ("VARCHAR", "31.12.2025"),
}


@pytest.fixture(scope="module")
def row() -> Iterator[duckdb.DuckDBPyConnection]:
    """One row of every kind of value, as table ``t``."""
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        con.execute(f"CREATE TABLE t ({', '.join(f'{name} {kind}' for name, (kind, _) in ROW.items())})")
        con.execute(f"INSERT INTO t VALUES ({', '.join('?' for _ in ROW)})", [value for _, value in ROW.values()])
        yield con


def assert_means_the_same(con: duckdb.DuckDBPyConnection, sql: str) -> None:
    try:
        expected = con.execute(f"SELECT {sql} FROM t").fetchall()
    except duckdb.Error:
        return
    assert repr(con.execute(f"SELECT {render(sql, list(ROW))} FROM t").fetchall()) == repr(expected), sql


@pytest.mark.parametrize(
    "sql",
    """
    -2 ** 2
    -n ^ 2
    2 ^ 3 ^ 2
    m // 2
    m % 2
    n / 2
    1 | 2 & 3 << 1
    not n = 7
    n between 1 and 8 and b
    n not in (1, 2)
    nul is not distinct from null
    nul notnull
    name like 'Ann%' and name not ilike '%X'
    name ~ 'Ann'
    name ~ 'Ann.*'
    name !~ 'Ann'
    name similar to 'Ann'
    regexp_matches(name, 'nn')
    regexp_full_match(name, 'Ann')
    regexp_extract(name, '^(.*?)\\s+(\\S+)$', 2)
    regexp_extract(name, 'n')
    regexp_replace(name, 'n', 'x', 'g')
    regexp_replace(name, 'n', 'x')
    split_part(name, ' ', -1)
    string_split(name, ' ')[1]
    xs[1] + xs[-1]
    xs[2:]
    name[1:3]
    j->>'a.b'
    j->>'$.a.b'
    json_extract_string(j, 'a.b')
    j->'a'->>'b'
    j->>'Customer ID'
    j->>'$."Customer ID"'
    j->>'/a/b'
    j->>'x/y'
    j->'l'->>0
    j->'l'->>-1
    j->>'$.l[#-1]'
    (j->>'Customer ID')::int > 5 and b
    j->>'nothing' is null
    strftime(d, '%m%d') || strftime(ts, '%-d.%-m.%Y %H:%M:%S.%f %j %A')
    try_strptime(german, '%d.%m.%Y')
    try_strptime(german, ['%Y-%m-%d', '%d.%m.%Y'])
    timezone('Europe/Berlin', ts)
    timezone('Europe/Berlin', '2026-03-29 02:30:00'::timestamp)
    ts at time zone 'America/New_York'
    d + interval 1 month
    d - 1
    d - date '2026-01-01'
    ts - interval '2 hours'
    date_diff('day', date '2026-01-01', d)
    date_trunc('week', ts)
    extract(year from d) + month(d) + date_part('isodow', d)
    make_date(year(d) + (strftime(d, '%m%d') <= '0401')::int, 1, 2)
    age(d, date '2020-02-29')
    coalesce(nul, name)
    nullif(name, 'x')
    concat(name, nul, 'x') || concat_ws('|', name, nul, 'x')
    name || nul
    greatest(n, m, null) + least(n, m)
    case when n > 3 then 'big' when n > 2 then 'middle' else 'small' end
    case n when 7 then 'seven' end
    if(b, 1, 2)
    left(name, 3) || right(name, -2) || substring(name, 2, 3) || lpad(name, 20, '*')
    trim(name, 'An') || trim(leading 'A' from name)
    position('n' in name) + strpos(name, 'n') + instr(name, 'n')
    length(name) + len(xs) + strlen(name)
    round(f) + round(f, 1) + trunc(f) + ceil(f) + log(n) + ln(n) + log2(n) + pow(n, 2)
    try_cast(name as int)
    '12.50'::decimal(10,2) + 1
    '12'::decimal / 5
    n::varchar || b::text
    1e3 + 1_000 + .5
    'it''s' || E'a\\nb' || $$dollar$$
    list_transform(xs, lambda x: x * n)
    list_filter(xs, lambda x: x > 1)
    list_contains(xs, 1) and 1 in xs
    list_sort(xs)
    [n, m]
    {'a': n}.a
    map {'a': 1}['a']
    json_object('a', n)
    to_json(xs)
    md5(name) || sha256(name)
    format('{} {}', name, n)
    n is true and b is not false
    """.strip().splitlines(),
)
def test_what_is_written_out_again_means_the_same(row: duckdb.DuckDBPyConnection, sql: str) -> None:
    sql = sql.strip()
    assert row.execute(f"SELECT {sql} FROM t").fetchall(), "the example itself must run"
    assert_means_the_same(row, sql)


def operations(leaf: st.SearchStrategy[str], *operators: str) -> st.SearchStrategy[str]:
    def extend(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        both = st.tuples(inner, st.sampled_from(operators), inner).map(" ".join)
        return st.one_of(both, both.map("({})".format), inner.map("- {}".format), inner.map("abs({})".format))

    return st.recursive(leaf, extend, max_leaves=8)


WHOLE = st.one_of(st.integers(0, 9).map(str), st.sampled_from(["n", "m", "(n + m)"]))
NUMBERS = st.one_of(
    operations(WHOLE, "+", "-", "*", "//", "%", "&", "|", "<<", ">>"),
    operations(st.one_of(WHOLE, st.sampled_from(["f", "1.5"])), "+", "-", "*", "/", "//", "%", "**", "^"),
)
COMPARISONS = st.one_of(
    st.tuples(NUMBERS, st.sampled_from(["=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM"]), NUMBERS).map(" ".join),
    st.tuples(NUMBERS, NUMBERS, NUMBERS).map(lambda v: f"{v[0]} BETWEEN {v[1]} AND {v[2]}"),
    st.tuples(NUMBERS, NUMBERS, NUMBERS).map(lambda v: f"{v[0]} NOT IN ({v[1]}, {v[2]})"),
    st.sampled_from(["b", "true", "false", "null", "nul IS NULL", "name LIKE 'A%'"]),
)
BOOLEANS = st.recursive(
    COMPARISONS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["AND", "OR"]), inner).map(" ".join),
        inner.map("NOT {}".format),
        inner.map("({})".format),
        st.tuples(inner, NUMBERS, NUMBERS).map(lambda v: f"CASE WHEN {v[0]} THEN {v[1]} ELSE {v[2]} END > 1"),
    ),
    max_leaves=5,
)


@settings(max_examples=200, deadline=None)
@given(sql=st.one_of(NUMBERS, BOOLEANS))
def test_arithmetic_and_logic_mean_the_same_written_out_again(row: duckdb.DuckDBPyConnection, sql: str) -> None:
    assert_means_the_same(row, sql)


@settings(max_examples=100, deadline=None)
@given(name=st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12))
def test_any_column_name_can_be_quoted(row: duckdb.DuckDBPyConnection, name: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    assert columns_of(quoted, [name]) == [name]
    assert row.execute(f"SELECT {render(quoted, [name])} FROM (SELECT 1 AS {quoted})").fetchall() == [(1,)]


@settings(max_examples=100, deadline=None)
@given(text=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20))
def test_any_text_stays_as_it_is(row: duckdb.DuckDBPyConnection, text: str) -> None:
    sql = "'" + text.replace("'", "''") + "'"
    assert row.execute(f"SELECT {render(sql, [])}").fetchall() == [(text,)]


@pytest.mark.parametrize(
    ("sql", "value"),
    [
        ("amount / 4", 0.25),
        ("amount / (amount - 1)", None),
        ("6 / (amount / (amount - 1))", None),
        ("1 / amount / (amount - 1)", None),
        ("amount / nullif(amount - 1, 0)", None),
        ("email::double", None),
        ("sqrt(-amount)", None),
        ("email = 'a'", True),
    ],
)
def test_what_cannot_be_computed_is_null(row: duckdb.DuckDBPyConnection, sql: str, value: object) -> None:
    found = row.execute(f"SELECT {computed(sql, COLUMNS)} FROM (SELECT 'a' AS email, 1 AS amount)").fetchall()
    assert found == [(value,)]


@pytest.mark.parametrize(
    ("sql", "read"),
    [
        ("email", ['"email"']),
        ("upper(email) || email", ['"email"']),
        ("traits->>'a' = 'x' or traits->>'a' is null", ["\"traits\" ->> 'a'"]),
        ("traits->'a'->>'$.b'", ["\"traits\" -> 'a' ->> '$.b'"]),
        ("(traits->>'n')::int > amount", ['"amount"', "\"traits\" ->> 'n'"]),
        ("traits->>email", ['"email"', '"traits"']),
        ("list_filter([amount], lambda email: email > 0)", ['"amount"']),
        ("1 = 1", []),
    ],
)
def test_what_is_read_once_gives_the_same_value(sql: str, read: list[str]) -> None:
    assert [found.replace("(", "").replace(")", "") for found in reads(sql, COLUMNS)] == read
    names = {found: f"kept {number}" for number, found in enumerate(reads(sql, COLUMNS))}
    kept = ", ".join(["1", *(f'{found} AS "{name}"' for found, name in names.items())])
    row = """SELECT 'a' AS email, 2 AS amount, '{"a": {"b": "x"}, "n": 3}'::JSON AS traits"""
    with duckdb.connect() as con:
        at_once = con.execute(f"SELECT {computed(sql, COLUMNS)} FROM ({row})").fetchall()
        assert (
            con.execute(
                f"SELECT {computed(sql, COLUMNS, names.__getitem__)} FROM (SELECT {kept} FROM ({row}))"
            ).fetchall()
            == at_once
        )


WORDS = ["select ", " from ", "--", "/*", "email", "1", "'a'", *"()'\";,-*/ .$?@[]{}:=<>"]


@settings(max_examples=200, deadline=None)
@given(sql=st.lists(st.sampled_from(WORDS), max_size=12).map("".join))
def test_nonsense_is_accepted_or_refused_but_never_crashes(sql: str) -> None:
    try:
        rendered = render(sql, COLUMNS)
    except BadExpression:
        return
    assert ";" not in re.sub(r"'[^']*'|\"[^\"]*\"", "", rendered)

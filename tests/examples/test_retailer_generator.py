"""The retailer's generator: its laws (day-by-day stable, same seed same bytes), its truth, its dirt, its file
formats.
"""

import gzip
import hashlib
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import phonenumbers
import pytest

from examples.retailer.generator import Summary, generate, rates
from examples.retailer.generator.run import _batches

START = date(2026, 6, 1)
STREAMS = {
    "crm/contacts": "csv",
    "shop/accounts": "parquet",
    "shop/orders": "parquet",
    "shop/order_lines": "parquet",
    "web/events": "ndjson.gz",
    "email/activity": "csv",
    "support/tickets": "json",
    "pos/receipts": "csv",
    "pos/cards": "csv",
    "finance/rates": "csv",
}
PEOPLE, DAYS = 6000, 30


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A month of six thousand people."""
    folder = tmp_path_factory.mktemp("retailer")
    generate(folder, PEOPLE, START, DAYS, seed=7)
    return folder


@pytest.fixture(scope="module")
def con(out: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The month's files as views, read the way the platform reads them."""
    connection = duckdb.connect()
    folder = out / "landing"
    text = "all_varchar = true, header = true, ignore_errors = true, strict_mode = false, filename = true"
    views = {
        "contacts": f"read_csv('{folder}/crm/contacts/*.csv', delim = ',', {text})",
        "accounts": f"read_parquet('{folder}/shop/accounts/*.parquet', filename = true)",
        "orders": f"read_parquet('{folder}/shop/orders/*.parquet', filename = true)",
        "order_lines": f"read_parquet('{folder}/shop/order_lines/*.parquet')",
        "events": f"read_ndjson_objects('{folder}/web/events/*.gz', ignore_errors = true, filename = true)",
        "activity": f"read_csv('{folder}/email/activity/*.csv', delim = ',', {text})",
        "tickets": f"read_json('{folder}/support/tickets/*.json', format = 'array', filename = true)",
        "receipts": f"read_csv('{folder}/pos/receipts/*.csv', delim = ';', encoding = 'latin-1', {text})",
        "cards": f"read_csv('{folder}/pos/cards/*.csv', delim = ';', encoding = 'latin-1', {text})",
        "truth": f"read_parquet('{out}/truth/records.parquet')",
        "people": f"read_parquet('{out}/truth/people.parquet')",
    }
    for name, source in views.items():
        connection.execute(f"CREATE TABLE {name} AS SELECT * FROM {source}")
    yield connection
    connection.close()


def _one(con: duckdb.DuckDBPyConnection, query: str) -> float:
    row = con.execute(query).fetchone()
    assert row is not None
    return float(row[0])


def _digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.*"))
        if path.is_file()
    }


def _small(folder: Path, days: int, seed: int = 3, from_day: int = 0, people: int = 600) -> Summary:
    return generate(folder, people, START, days, seed, from_day)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(tmp_path: Path) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        _small(tmp_path / name, 3, seed)
    assert _digests(tmp_path / "a") == _digests(tmp_path / "b")
    assert _digests(tmp_path / "a") != _digests(tmp_path / "c")


def test_another_day_leaves_the_files_of_earlier_days_byte_identical(tmp_path: Path) -> None:
    _small(tmp_path / "shorter", 31)
    _small(tmp_path / "longer", 32)
    shorter, longer = _digests(tmp_path / "shorter" / "landing"), _digests(tmp_path / "longer" / "landing")
    added = {path for path in longer if path not in shorter}
    assert {path: longer[path] for path in shorter} == shorter
    assert added == {f"{stream}/2026-07-02.{suffix}" for stream, suffix in STREAMS.items()}


def test_starting_from_a_day_writes_only_later_days_and_the_same_truth(tmp_path: Path) -> None:
    _small(tmp_path / "whole", 26)
    _small(tmp_path / "late", 26, from_day=24)
    whole, late = _digests(tmp_path / "whole"), _digests(tmp_path / "late")
    landing = {f"landing/{stream}/2026-06-{day}.{suffix}" for stream, suffix in STREAMS.items() for day in (25, 26)}
    assert set(late) == landing | {"truth/people.parquet", "truth/records.parquet"}
    assert all(whole[path] == digest for path, digest in late.items())


def test_the_size_of_a_batch_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _small(tmp_path / "large", 6)
    monkeypatch.setattr("examples.retailer.generator.run.BATCH_PEOPLE_DAYS", 600)
    _small(tmp_path / "single", 6)
    assert _digests(tmp_path / "large") == _digests(tmp_path / "single")


@pytest.mark.parametrize(("people", "days", "from_day"), [(500, 90, 0), (5000, 91, 90), (100_000, 8, 2), (7, 1, 0)])
def test_batches_cover_every_day_once_and_break_at_the_first_written_day(people: int, days: int, from_day: int) -> None:
    batches = _batches(people, days, from_day)
    assert [day for first, last in batches for day in range(first, last + 1)] == list(range(days))
    assert from_day in {first for first, _ in batches}


def test_impossible_arguments_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="from_day < days"):
        generate(tmp_path, 10, START, 5, 1, from_day=5)


def test_a_handful_of_people_still_gives_every_file(tmp_path: Path) -> None:
    _small(tmp_path, 2, people=3)
    written = set(_digests(tmp_path / "landing"))
    assert written == {f"{s}/2026-06-0{day}.{suffix}" for s, suffix in STREAMS.items() for day in (1, 2)}


def test_every_truth_key_is_in_the_files(con: duckdb.DuckDBPyConnection) -> None:
    missing = con.execute("""
        WITH shown AS (
            SELECT 'crm:' || contact_id AS key FROM contacts UNION SELECT 'shop:' || account_id FROM accounts
            UNION SELECT 'shop:guest-' || order_id FROM orders WHERE account_id IS NULL
            UNION SELECT 'web:u:' || (json ->> 'userId') FROM events UNION SELECT 'web:a:'
                || (json ->> 'anonymousId') FROM events
            UNION SELECT 'email:' || subscriber_id FROM activity UNION SELECT 'pos:' || card_no FROM cards
            UNION SELECT 'support:' || requester.id FROM tickets
        )
        SELECT record_key FROM truth WHERE record_key NOT IN (SELECT key FROM shown WHERE key IS NOT NULL)
    """).fetchall()
    # a contact whose only row is not UTF-8 cannot be read, which is the point of that row
    assert len(missing) <= 5
    assert all(key.startswith("crm:") for (key,) in missing)
    assert _one(con, "SELECT count(*) - count(DISTINCT record_key) FROM truth") == 0


def test_records_without_one_person_have_no_truth(con: duckdb.DuckDBPyConnection) -> None:
    assert _one(con, "SELECT count(*) FROM contacts WHERE contact_id LIKE 'C9%'") >= 3
    assert (
        _one(
            con,
            "SELECT count(*) FROM truth WHERE record_key LIKE 'crm:C9%' OR record_key LIKE 'pos:290000000_'",
        )
        == 0
    )
    unknown = """SELECT count(DISTINCT json ->> 'anonymousId') FROM events
        WHERE (json ->> 'anonymousId') IS NOT NULL
        AND 'web:a:' || (json ->> 'anonymousId') NOT IN (SELECT record_key FROM truth)"""
    assert 3 < _one(con, unknown) < 0.1 * _one(con, "SELECT count(*) FROM truth WHERE record_key LIKE 'web:a:%'")


def test_ids_that_share_a_family_address_have_no_truth(con: duckdb.DuckDBPyConnection) -> None:
    shared = """SELECT count(*) FROM activity a JOIN people p ON p.email = a.email_address AND p.family_email
        WHERE 'email:' || subscriber_id IN (SELECT record_key FROM truth)"""
    assert _one(con, "SELECT count(*) FROM activity WHERE email_address LIKE 'familie.%'") > 0
    assert _one(con, shared) == 0


def test_households_exist_and_share_address_and_landline(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("CREATE OR REPLACE TEMP VIEW homes AS SELECT household_id, count(*) AS n FROM people GROUP BY 1")
    together = _one(con, "SELECT sum(n) FILTER (n > 1) / sum(n) FROM homes")
    assert 0.35 < together < 0.55
    pairs = """people a JOIN people b ON a.household_id = b.household_id AND a.person_id < b.person_id"""
    assert _one(con, f"SELECT avg((a.landline IS NOT DISTINCT FROM b.landline)::INT) FROM {pairs}") == 1
    assert _one(con, f"SELECT avg((a.street = b.street)::INT) FROM {pairs}") > 0.97
    assert 0.55 < _one(con, f"SELECT avg((a.last_name = b.last_name)::INT) FROM {pairs}") < 0.9
    assert (
        _one(
            con,
            f"SELECT count(*) FROM {pairs} WHERE a.first_name = b.first_name AND a.last_name = b.last_name",
        )
        > 0
    )
    assert (
        _one(
            con,
            f"SELECT count(*) FROM {pairs} WHERE a.birth_date = b.birth_date AND a.last_name = b.last_name",
        )
        > 0
    )


def test_phones_of_the_truth_are_valid_numbers(con: duckdb.DuckDBPyConnection) -> None:
    rows = con.execute("SELECT country, mobile, landline FROM people").fetchall()
    numbers = [(country, number) for country, *both in rows for number in both if number]
    valid = [phonenumbers.is_valid_number(phonenumbers.parse(n.replace("-", ""), country)) for country, n in numbers]
    assert sum(valid) / len(valid) > 0.995


def test_nulls_typos_and_duplicates_come_at_about_their_declared_rates(
    con: duckdb.DuckDBPyConnection,
) -> None:
    latest = """(SELECT * FROM contacts WHERE contact_id < 'C9'
        QUALIFY row_number() OVER (PARTITION BY contact_id ORDER BY updated_at) = 1)"""
    crm = rates.DIRT["crm"]
    assert _one(con, f"SELECT avg((email IS NULL)::INT) FROM {latest}") == pytest.approx(crm.no_email, abs=0.03)
    assert _one(con, f"SELECT avg((mobile IS NULL)::INT) FROM {latest}") == pytest.approx(crm.no_mobile, abs=0.03)
    twice = """SELECT count(*) / count(DISTINCT person_id) - 1 FROM truth WHERE record_key LIKE 'crm:%'"""
    assert _one(con, twice) == pytest.approx(rates.CRM_DUPLICATE, abs=0.02)
    odd = f"""SELECT avg((lower(c.last_name) NOT IN (lower(p.last_name), lower(coalesce(p.previous_last_name,
        '')), lower(p.first_name)))::INT)
        FROM {latest} c JOIN truth t ON t.record_key = 'crm:' || c.contact_id JOIN people p USING (person_id)
        WHERE regexp_full_match(c.last_name, '[A-Za-z]+') AND p.country <> 'DE'"""
    assert 0.3 * crm.typo < _one(con, odd) < 2.5 * crm.typo


def test_placeholders_invalid_dates_and_mojibake_occur_but_rarely(con: duckdb.DuckDBPyConnection) -> None:
    rows = _one(con, "SELECT count(*) FROM contacts")
    for condition in (
        "email = 'test@test.com'",
        "date_of_birth IN ('1900-01-01', '1970-01-01')",
        "date_of_birth IN ('31.02.2026', '00.00.0000', '0000-00-00', '1985-13-45')",
        "last_name LIKE '%Ã%' OR first_name LIKE '%Ã%'",
        "last_name <> nfc_normalize(last_name) OR city <> nfc_normalize(city)",
    ):
        assert 0 < _one(con, f"SELECT count(*) FROM contacts WHERE {condition}") < 0.03 * rows, condition


def test_the_backlog_has_a_row_that_is_not_utf8(out: Path) -> None:
    raw = (out / "landing/crm/contacts/2026-06-01.csv").read_bytes()
    with pytest.raises(UnicodeDecodeError):
        raw.decode()
    assert 1 <= sum(1 for line in raw.splitlines() if b"\xfc" in line) <= 6


def test_records_change_and_reappear_with_a_newer_timestamp(con: duckdb.DuckDBPyConnection) -> None:
    for table, key, at in (
        ("contacts", "contact_id", "updated_at"),
        ("accounts", "account_id", "updated_at"),
        ("orders", "order_id", "updated_at"),
        ("tickets", "ticket_id", "updated_at::TIMESTAMPTZ"),
    ):
        again = f"""SELECT count(*), count(*) FILTER (moment > before) FROM (
            SELECT {at} AS moment, lag({at}) OVER (PARTITION BY {key} ORDER BY filename) AS before
                FROM {table}
        ) WHERE before IS NOT NULL"""
        row = con.execute(again).fetchone()
        assert row is not None, table
        assert row[0] == row[1] > 0, table


def test_consent_is_given_and_withdrawn_over_time(con: duckdb.DuckDBPyConnection) -> None:
    flips = """SELECT count(*) FILTER (now AND NOT before), count(*) FILTER (before AND NOT now) FROM (
        SELECT marketing_email AS now, lag(marketing_email) OVER (PARTITION BY account_id
            ORDER BY updated_at) AS before
        FROM accounts)"""
    row = con.execute(flips).fetchone()
    assert row is not None
    assert min(row) > 10
    assert _one(con, "SELECT count(*) FROM activity WHERE activity = 'unsubscribe'") > 10
    after = """SELECT count(*) FROM activity s JOIN activity u ON u.subscriber_id = s.subscriber_id
        AND u.activity = 'unsubscribe' AND s.activity = 'sent' AND s.occurred_at > u.occurred_at"""
    assert _one(con, after) <= 0.05 * _one(con, "SELECT count(*) FROM activity WHERE activity = 'unsubscribe'")


def test_web_events_are_late_duplicated_and_broken_at_about_their_rates(
    con: duckdb.DuckDBPyConnection, out: Path
) -> None:
    lines = [
        line
        for path in sorted((out / "landing/web/events").iterdir())
        for line in gzip.decompress(path.read_bytes()).decode().splitlines()
    ]
    malformed = 0
    for line in lines:
        try:
            json.loads(line)
        except json.JSONDecodeError:
            malformed += 1
    assert 0 < malformed < 10 * rates.MALFORMED_LINE * len(lines)
    assert _one(con, "SELECT count(*) FROM events WHERE json IS NOT NULL") == len(lines) - malformed
    ids = "SELECT 1 - count(DISTINCT json ->> 'messageId') / count(*) FROM events WHERE json IS NOT NULL"
    assert _one(con, ids) == pytest.approx(rates.DUPLICATE_EVENT, rel=0.4)
    late = """SELECT avg((date_diff('day', (json ->> 'originalTimestamp')[:10]::DATE, (json ->>
        'receivedAt')[:10]::DATE)
        BETWEEN 1 AND 4)::INT) FROM events WHERE try_cast((json ->> 'originalTimestamp')[:10] AS DATE) IS NOT
            NULL"""
    assert _one(con, late) == pytest.approx(rates.LATE_EVENT, rel=0.7)
    for condition in ("(json ->> 'anonymousId') IS NULL", "(json ->> 'originalTimestamp') LIKE '2031%'"):
        assert 0 < _one(con, f"SELECT count(*) FROM events WHERE json IS NOT NULL AND {condition}") < 0.001 * len(lines)
    received = """SELECT count(*) FROM events
        WHERE json IS NOT NULL AND NOT contains(filename, (json ->> 'receivedAt')[:10])"""
    assert _one(con, received) == 0


def test_every_tracked_order_is_in_the_shop(con: duckdb.DuckDBPyConnection) -> None:
    orders = "(SELECT DISTINCT order_id, account_id FROM orders)"
    tracked = """(SELECT DISTINCT json ->> '$.properties.order_id' AS order_id, json ->> 'userId' AS user_id
        FROM events WHERE order_id IS NOT NULL)"""
    assert (
        _one(
            con,
            f"SELECT count(*) FROM {tracked} t ANTI JOIN {orders} o USING (order_id)",
        )
        == 0
    )
    same = f"""SELECT avg((user_id IS NOT DISTINCT FROM account_id)::INT)
        FROM {tracked} JOIN {orders} USING (order_id)"""
    assert _one(con, same) == 1
    sums = """SELECT count(*) FROM (SELECT order_id, any_value(total - shipping + discount) AS goods
        FROM orders GROUP BY 1)
        JOIN (SELECT order_id, sum(line_total) AS lines FROM order_lines GROUP BY 1) USING (order_id)
            WHERE goods <> lines"""
    assert _one(con, sums) == 0


def test_shop_files_have_the_agreed_types(con: duckdb.DuckDBPyConnection) -> None:
    columns = con.execute("SELECT table_name, column_name, data_type FROM duckdb_columns()").fetchall()
    types = {f"{table}.{column}": kind for table, column, kind in columns}
    assert types["accounts.birth_date"] == "DATE"
    assert types["accounts.created_at"] == "TIMESTAMP"
    assert types["accounts.marketing_sms"] == "BOOLEAN"
    assert types["accounts.address"].startswith("STRUCT(street VARCHAR, city VARCHAR, region VARCHAR")
    assert types["orders.ordered_at"] == "TIMESTAMP WITH TIME ZONE"
    states = {s for (s,) in con.execute("SELECT DISTINCT status FROM orders").fetchall()}
    assert states == {"completed", "cancelled", "returned", "partially_returned"}
    assert 0.2 < _one(con, "SELECT avg((account_id IS NULL)::INT) FROM orders") < 0.5


def test_tills_write_german_numbers_and_half_the_receipts_have_a_card(con: duckdb.DuckDBPyConnection) -> None:
    assert _one(con, "SELECT count(*) FROM receipts WHERE NOT regexp_full_match(amount, '-?[0-9]+,[0-9]{2}')") == 0
    assert _one(con, "SELECT count(*) FROM receipts WHERE try_strptime(sold_at, '%d.%m.%Y %H:%M') IS NULL") == 0
    assert 0.35 < _one(con, "SELECT avg((card_no IS NULL)::INT) FROM receipts") < 0.65
    staff = "SELECT count(*) FROM receipts WHERE card_no LIKE '290000000_'"
    assert 0 < _one(con, staff) < 0.05 * _one(con, "SELECT count(*) FROM receipts")
    assert _one(con, "SELECT count(*) FROM cards WHERE holder_name LIKE '%ü%' OR holder_name LIKE '%ö%'") > 0
    assert _one(con, "SELECT count(*) FROM cards WHERE country = 'DE' AND holder_name NOT LIKE '%, %'") <= 1


def test_a_wide_choice_of_names_is_used_unevenly(con: duckdb.DuckDBPyConnection) -> None:
    assert _one(con, "SELECT count(DISTINCT first_name) FROM people") > 400
    assert _one(con, "SELECT count(DISTINCT last_name) FROM people") > 1000
    top = "SELECT max(n) / avg(n) FROM (SELECT count(*) AS n FROM people GROUP BY last_name)"
    assert _one(con, top) > 10
    assert _one(con, "SELECT count(DISTINCT origin) FROM people") >= 9

"""What a data team is told about its YAML: every mistake, at once, with file, line and the likely fix."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cdp_assets.raw.streams import OWN_COLUMNS
from cdp_model import ModelError
from cdp_model.crosscheck.streams import RESERVED
from cdp_model.load import load_model
from tests.small_company import SmallCompany

ROOT = Path(__file__).parents[2]
Told = Callable[[], list[str]]


@pytest.fixture
def told(company: SmallCompany) -> Told:
    """The problems of the company's model, as lines of text."""

    def problems() -> list[str]:
        with pytest.raises(ModelError) as raised:
            _ = company.model
        return [str(problem) for problem in raised.value.problems]

    return problems


@pytest.mark.parametrize("example", ["retailer", "uci_retail"])
def test_the_examples_load(example: str) -> None:
    model = load_model(ROOT / "examples" / example)
    assert model.company.name == example
    assert model.streams()


def test_a_small_company_loads_with_all_it_declares(company: SmallCompany) -> None:
    company.declare("traits.yaml", "orders: {description: Orders, aggregate: count}")
    company.declare("segments/a.yml", "buyers: {description: Buyers, all: [orders > 0, {none: [email is null]}]}")
    company.declare("destinations.yaml", "out: {type: file, folder: out}")
    company.declare(
        "syncs/a.yaml",
        """
        mail:
          description: Mail
          segment: buyers
          destination: out
          consent: {purpose: marketing, channel: email}
          key: email
          fields: {Name: first_name}
        """,
    )
    model = company.model
    assert [name for _, name, _ in model.streams()] == ["people", "events"]
    assert model.sources["shop"].streams["people"].column("id").description == ""
    assert list(model.traits) == ["orders"]
    assert list(model.segments) == ["buyers"]
    assert list(model.syncs) == ["mail"]


def test_a_byte_order_mark_is_no_mistake(company: SmallCompany) -> None:
    text = (company.folder / "company.yaml").read_bytes()
    company.declare("company.yaml", b"\xef\xbb\xbf" + text)
    assert company.model.company.name == "tiny"


def test_a_folder_without_company_yaml_is_no_company(company: SmallCompany, told: Told) -> None:
    (company.folder / "company.yaml").unlink()
    (problem,) = told()
    assert problem.startswith("company.yaml:1: missing:")
    assert str(company.folder) in problem


def test_a_folder_that_does_not_exist_is_no_company(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is not the folder of a declared company"):
        load_model(tmp_path / "nowhere")


def test_a_company_without_sources_is_told_where_to_put_one(company: SmallCompany, told: Told) -> None:
    (company.folder / "sources/shop.yaml").unlink()
    assert told() == ["sources/:1: no source is declared: add sources/<name>.yaml"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("name: tiny\nowner: [team:data\n", "company.yaml:3: not valid YAML: expected ',' or ']'"),
        ("name: tiny\n\towner: x\n", "company.yaml:2: not valid YAML: found character '\\t'"),
        ("name: tiny\nname: other\n", 'company.yaml:2: not valid YAML: found duplicate key "name"'),
        ("a: 1\n---\nb: 1\n", "company.yaml:2: not valid YAML: but found another document"),
        (b"name: tiny\n# \xfc\n", "company.yaml:2: not UTF-8 (byte 0xfc): save the file as UTF-8"),
        (b"name: \x01\n", "company.yaml:1: not valid YAML: unacceptable character"),
        ("- a\n- b\n", "company.yaml:1: must be a mapping of keys to values, not a list"),
        ("hello", "company.yaml:1: must be a mapping of keys to values, not a single value"),
        ("a: &a [*a]\nb: *c\n", "company.yaml:2: not valid YAML: found undefined alias"),
    ],
)
def test_a_file_that_is_no_yaml_mapping_is_reported_with_its_line(
    company: SmallCompany, told: Told, content: str | bytes, problem: str
) -> None:
    company.declare("company.yaml", content)
    (found,) = told()
    assert found.startswith(problem)


@pytest.mark.parametrize("content", ["", "# nothing yet\n"])
def test_an_empty_file_lacks_its_keys(company: SmallCompany, told: Told, content: str) -> None:
    company.declare("company.yaml", content)
    company.declare("sources/shop.yaml", content)
    assert told() == [
        "company.yaml:1: name: is missing, and needed",
        "company.yaml:1: owner: is missing, and needed",
        "company.yaml:1: start_date: is missing, and needed",
        "sources/shop.yaml:1: description: is missing, and needed",
        "sources/shop.yaml:1: name: is missing, and needed",
        "sources/shop.yaml:1: streams: is missing, and needed",
    ]


@pytest.mark.parametrize(
    "file", ["traits.yaml", "destinations.yaml", "identity.yaml", "segments/a.yaml", "syncs/a.yaml"]
)
def test_an_empty_file_of_names_declares_nothing(company: SmallCompany, file: str) -> None:
    company.declare(file, "")
    assert company.model.traits == {}


def test_yaml_tags_run_nothing(company: SmallCompany, told: Told, tmp_path: Path) -> None:
    company.amend("company.yaml", "name: tiny", f"name: !!python/object/apply:os.mkdir ['{tmp_path}/made']")
    assert told() == ["company.yaml:2: name: must be a text"]
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("name: tiny", "nam: tiny", "company.yaml:2: nam: unknown key `nam`; did you mean `name`?"),
        ("name: tiny", "name: Tiny Shop", "company.yaml:2: name: names have lower case letters"),
        ("team:data", "the data team", "company.yaml:3: owner: an owner is an e-mail address, or `team:name`"),
        ("Europe/Berlin", "Berlin", "company.yaml:4: timezone: 'Berlin' is not a time zone"),
        ("currency: EUR", "currency: euro", "company.yaml:5: currency: a currency is three capital letters"),
        ("USD: 0.5", "USD: 0", "company.yaml:6: exchange_rates.USD: must be greater than 0"),
        ("USD: 0.5", "USD: .inf", "company.yaml:6: exchange_rates.USD: must be a finite number"),
        ("USD: 0.5", "dollar: 0.5", "company.yaml:6: exchange_rates.dollar: a currency is three capital letters"),
        ("2026-03-01", "2026-02-30", "company.yaml:7: start_date: must be a date"),
        ("2026-03-31", "2025-03-31", "company.yaml:1: `end_date` is before `start_date`"),
    ],
)
def test_a_mistake_in_company_yaml_is_found(
    company: SmallCompany, told: Told, old: str, new: str, problem: str
) -> None:
    company.amend("company.yaml", old, new)
    assert any(found.startswith(problem) for found in told()), told()


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            "email: email",
            "emial: email",
            "15: streams.people.customers.emial: unknown key `emial`; did you mean `email`?",
        ),
        ("email: email", "email: [email]", "15: streams.people.customers.email: must be a text"),
        ("first_name: first_name", "first_name: firstname", "14: streams.people.customers.first_name: unknown column"),
        ("files: people/{date}*.csv", "file: x", "8: streams.people.file: unknown key `file`; did you mean `files`?"),
        ("    files: people/{date}*.csv\n", "", "6: streams.people.files: is missing, and needed"),
        ("    format: csv\n", "", "6: streams.people.format: is missing, and needed"),
        ("files: people/{date}*.csv", "files: people/*.csv", "8: streams.people.files: a pattern of several files"),
        ("{id: , first_name:", "{id: 5, first_name:", "10: streams.people.columns.id: must be a mapping"),
        (
            "{id: , first_name:",
            "{id: {pi: true}, first_name:",
            "10: streams.people.columns.id.pi: unknown key `pi`; did",
        ),
        ("{id: , first_name:", "{id: , ID: , first_name:", "10: streams.people.columns.id: `id` differs from another"),
        ("{id: , first_name:", "{id: , _Day: , first_name:", "10: streams.people.columns._Day: `_Day` is a name the"),
        ("name_from: what", "name: x\n        name_from: what", "28: streams.events.events.0: an event has either"),
        (
            "- name_from: what\n        id",
            "- id",
            "28: streams.events.events.0: an event has either `name` or `name_from`",
        ),
        (
            "granted: news",
            "granted: nws",
            "21: streams.people.consents.0.granted: unknown column `nws`; did you mean `news`?",
        ),
        ("country: DE", "country: Germany", "4: country: a country is two capital letters"),
        ("country: DE", "owner: me", "4: owner: an owner is an e-mail address, or `team:name`"),
        ("  people:", "  People:", "6: streams.People: names have lower case letters, digits and underscores"),
        ("description: One row for each thing done", "description:", "23: streams.events.description: must be a text"),
        ("format: csv", "format: xml", "9: streams.people.format: must be 'csv', 'ndjson', 'json' or 'parquet'"),
    ],
)
def test_a_mistake_in_a_source_is_found_at_its_line(
    company: SmallCompany, told: Told, old: str, new: str, problem: str
) -> None:
    text = (company.folder / "sources/shop.yaml").read_text()
    (company.folder / "sources/shop.yaml").write_text(text.replace(old, new, 1))
    assert any(found.startswith("sources/shop.yaml:" + problem) for found in told()), told()


TRAITS = """\
orders: {description: Orders, aggregate: count, events: [Boght]}
spend:
  description: Money
  aggregate: sum
half: {description: Half, sql: spnd / 2}
half_again: {description: Half, sql: half / 2}
email: {description: Mail, sql: "'x'"}
window: {description: Last, aggregate: count, window: 90 dayz}
odd: {description: Odd, aggregate: count, default: [1]}
two: {description: Two, aggregate: count, sql: '1'}
mails: {description: May mail, consent: {purpose: marketing, channel: fax}}
where: {description: Where, aggregate: count, where: revnue > 5}
"""
SEGMENTS = """\
a: {description: A, all: [orders > 0, {any: [emial is null]}]}
b: {description: B}
c:
  description: C
  all:
    - {al: [email]}
    - 5
d: {description: D, all: [email is null], expected_size: [5, 1]}
"""


def test_all_mistakes_of_all_files_are_reported_at_once(company: SmallCompany, told: Told) -> None:
    company.amend("sources/shop.yaml", "name_from: what", "name: Bought")
    company.declare("traits.yaml", TRAITS)
    company.declare("segments/a.yaml", SEGMENTS)
    company.declare("segments/b.yaml", "a: {description: A again, all: [email is null]}")
    company.declare(
        "destinations.yaml", "hub: {type: webhook, url: x}\nout: {type: file, folder: x}\nodd: {folder: x}\n"
    )
    sync = "{{description: S, destination: {0}, consent: {1}, key: {2}, fields: {{Mail: {3}}}{4}}}"
    consent = "{purpose: marketing, channel: email}"
    company.declare(
        "syncs/a.yaml",
        "\n".join(
            f"{name}: {sync.format(*parts)}"
            for name, parts in {
                "broken_destination": ("hub", consent, "email", "email", ""),
                "unknown_destination": ("outt", consent, "email", "email", ""),
                "unknown_segment": ("out", consent, "email", "email", ", segment: aa"),
                "no_basis": ("out", "null", "email", "email", ""),
                "bad_key": ("out", consent, "mail", "emial", ""),
                "no_consent": ("out", "{purpose: marketing, channel: fax}", "email", "email", ""),
            }.items()
        ),
    )
    assert told() == [
        "destinations.yaml:1: hub.secret_env: is missing, and needed",
        "destinations.yaml:3: odd: is missing, and needed: `type`",
        "segments/a.yaml:1: a.all.1.any.0: unknown trait or attribute `emial`; did you mean `email`?",
        "segments/a.yaml:2: b: no conditions: give at least one under all, any or none",
        "segments/a.yaml:6: c.all.0.al: unknown key `al`; did you mean `all`?",
        "segments/a.yaml:7: c.all.1: must be a text or a mapping of keys to values",
        "segments/a.yaml:8: d.expected_size: the smallest size comes first, then the largest",
        "segments/b.yaml:1: a: `a` is declared twice",
        "syncs/a.yaml:2: unknown_destination.destination: unknown destination `outt`; did you mean `out`?",
        "syncs/a.yaml:3: unknown_segment.segment: unknown segment `aa`; did you mean `a`?",
        "syncs/a.yaml:4: no_basis.consent: `consent: null` needs a `legal_basis` that says why none is needed",
        "syncs/a.yaml:5: bad_key.fields.Mail: unknown trait or attribute `emial`; did you mean `email`?",
        "syncs/a.yaml:5: bad_key.key: unknown trait or attribute `mail`; did you mean `email`?",
        "syncs/a.yaml:6: no_consent.consent: no source has a consent for marketing/fax; there are: marketing/email",
        "traits.yaml:1: orders.events.0: no source has event `Boght`; did you mean `Bought`?",
        "traits.yaml:2: spend: aggregate `sum` needs `of`: the value of each event to aggregate",
        "traits.yaml:5: half.sql: unknown column `spnd`; did you mean `spend`?",
        "traits.yaml:7: email: `email` is already an attribute of a person; choose another name",
        "traits.yaml:8: window.window: write 30 days, this month, last week or lifetime",
        "traits.yaml:9: odd.default: must be a number or a whole number or a text or a boolean",
        "traits.yaml:10: two: a trait has exactly one of aggregate, sql, score and consent; this one has aggregate "
        "and sql",
        "traits.yaml:11: mails.consent: no source has a consent for marketing/fax; there are: marketing/email",
        "traits.yaml:12: where.where: unknown column `revnue`; did you mean `revenue`?",
    ]


def test_every_circle_of_traits_is_reported(company: SmallCompany, told: Told) -> None:
    company.declare(
        "traits.yaml",
        """
        a: {description: A, sql: b + 1}
        b: {description: B, sql: c + 1}
        c: {description: C, sql: a + 1}
        alone: {description: Alone, sql: alone + 1}
        fine: {description: Fine, sql: a + 1}
        """,
    )
    assert told() == [
        "traits.yaml:2: a.sql: traits need each other in a circle: a → b → c → a",
        "traits.yaml:5: alone.sql: traits need each other in a circle: alone → alone",
    ]


def test_names_that_are_no_texts_are_reported(company: SmallCompany, told: Told) -> None:
    company.declare("traits.yaml", "~: {description: x, aggregate: count}\n5: {description: x, aggregate: count}\n")
    assert told() == ["traits.yaml:1: None: must be a text", "traits.yaml:2: 5: must be a text"]


def test_a_mistake_in_a_merged_mapping_is_reported_where_it_is_used(company: SmallCompany, told: Told) -> None:
    company.declare(
        "traits.yaml",
        """
        a: &base {description: A, aggregate: count, where: revnue > 0}
        b:
          <<: *base
        """,
    )
    assert told() == [
        "traits.yaml:2: a.where: unknown column `revnue`; did you mean `revenue`?",
        "traits.yaml:3: b.where: unknown column `revnue`; did you mean `revenue`?",
    ]


def test_two_files_of_one_source_are_reported(company: SmallCompany, told: Told) -> None:
    company.declare("sources/again.yaml", (company.folder / "sources/shop.yaml").read_text())
    assert told() == ["sources/shop.yaml:2: name: source `shop` is declared twice"]


def test_two_streams_of_one_raw_table_are_reported(company: SmallCompany, told: Told) -> None:
    stream = "{description: x, files: x.csv, format: csv, columns: {a: }}"
    company.declare("sources/a.yaml", f"name: a__b\ndescription: x\nstreams: {{c: {stream}}}")
    company.declare("sources/b.yaml", f"name: a\ndescription: x\nstreams:\n  b__c: {stream}")
    assert told() == ["sources/b.yaml:4: streams.b__c: another stream has the same table raw.a__b__c"]


def test_a_broken_source_does_not_hide_mistakes_elsewhere_nor_invent_any(company: SmallCompany, told: Told) -> None:
    company.amend("sources/shop.yaml", "description: Web shop", "descriptio: Web shop")
    company.declare(
        "traits.yaml",
        """
        bought: {description: x, aggregate: count, events: [Bought]}
        mails: {description: x, consent: {purpose: marketing, channel: email}}
        wrong: {description: x, sql: emial}
        """,
    )
    assert told() == [
        "sources/shop.yaml:1: description: is missing, and needed",
        "sources/shop.yaml:3: descriptio: unknown key `descriptio`; did you mean `description`?",
        "traits.yaml:4: wrong.sql: unknown column `emial`; did you mean `email`?",
    ]


def test_the_model_reserves_the_columns_that_raw_tables_have() -> None:
    assert set(OWN_COLUMNS) == RESERVED

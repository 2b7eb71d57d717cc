"""Sources that are APIs: what is new lands once, and what goes wrong lands nothing."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest

from tests.pulls.conftest import use
from tests.pulls.vendors import JSON, TOKEN, Counted, HubSpot, Shopify, Vendor, as_json, serving
from tests.small_company import SmallCompany

PULL, RAW = "pulls/shopify__customers", "raw/shopify__customers"


def shopper(number: int, at: str, **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "first_name": f"Ann{number}",
        "email": f"ann{number}@example.com",
        "default_address": {"city": "Bonn", "country_code": "DE"},
        "email_marketing_consent": {"state": "subscribed", "consent_updated_at": None},
        "updated_at": at,
        **more,
    }


@pytest.fixture
def shopify(pulling: SmallCompany, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shopify]:
    use(pulling, "shopify")
    with serving(Shopify()) as vendor:
        assert isinstance(vendor, Shopify)
        monkeypatch.setenv("SHOPIFY_URL", vendor.url)
        monkeypatch.setenv("SHOPIFY_TOKEN", TOKEN)
        vendor.rows["customers"] = [shopper(n, f"2026-03-0{n}T10:00:00+01:00") for n in range(1, 6)]
        yield vendor


def landed(company: SmallCompany) -> list[str]:
    return sorted(path.name for path in company.landing.rglob("*.ndjson.gz"))


def test_all_pages_land_and_become_customers_and_consents(pulling: SmallCompany, shopify: Shopify) -> None:
    pulling.materialize(PULL, RAW, days=(31,))
    pulling.bring("customers", days=(31,))
    assert pulling.query("SELECT record_key, city, country FROM lake.standardized.customers ORDER BY ALL") == [
        (f"shopify:{n}", "Bonn", "DE") for n in range(1, 6)
    ]
    pulling.bring("consents", days=(31,))
    assert pulling.one("SELECT count(*) FROM lake.standardized.consents WHERE status = 'granted'") == 5
    assert len(shopify.requests) == 3


def test_only_what_changed_is_asked_for_and_lands_again(pulling: SmallCompany, shopify: Shopify) -> None:
    pulling.materialize(PULL, RAW, days=(31,))
    shopify.rows["customers"][1] = shopper(2, "2026-03-07T10:00:00+01:00", first_name="Anna")
    shopify.requests.clear()
    pulling.materialize(PULL, RAW, days=(31,))
    assert shopify.requests[0][1]["updated_at_min"] == "2026-03-05T10:00:00+01:00"
    assert pulling.query("SELECT id, first_name FROM lake.raw.shopify__customers WHERE id = '2' ORDER BY ALL") == [
        ("2", "Ann2"),
        ("2", "Anna"),
    ]
    assert pulling.one("SELECT count(*) FROM lake.raw.shopify__customers") == 6


def test_a_pull_without_news_lands_nothing(pulling: SmallCompany, shopify: Shopify) -> None:
    pulling.materialize(PULL, days=(31,))
    before = landed(pulling)
    pulling.materialize(PULL, days=(31,))
    assert landed(pulling) == before
    assert len(before) == 1


def test_a_rate_limit_is_waited_for(pulling: SmallCompany, shopify: Shopify, monkeypatch: pytest.MonkeyPatch) -> None:
    naps: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", naps.append)
    shopify.faults = [None, as_json(429, {"errors": "Exceeded 2 calls per second"}, **{"Retry-After": "2"})]
    pulling.materialize(PULL, RAW, days=(31,))
    assert pulling.one("SELECT count(DISTINCT id) FROM lake.raw.shopify__customers") == 5
    assert 2 in naps


HTML = (200, {"Content-Type": "text/html"}, b"<html>Please log in, ann1@example.com</html>")


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (HTML, "answered 200, but not with JSON (text/html)"),
        (as_json(401, {"errors": "ann1@example.com"}), "answered 401 Unauthorized: are the credentials right"),
        (as_json(404, {}), "answered 404 Not Found: is the path right?"),
        (as_json(200, {"error": "x"}), "the answer has no `customers`, which `data_selector` names; it has: error"),
        (as_json(200, {"customers": [1]}), "`data_selector: customers` does not lead to a list of objects"),
        ((200, JSON, b'{"customers": [{"id": 1'), "answered 200, but not with JSON"),
    ],
)
def test_what_goes_wrong_on_a_later_page_lands_nothing_and_is_told(
    pulling: SmallCompany, shopify: Shopify, fault: Any, said: str
) -> None:
    shopify.faults = [None, fault]
    failure = pulling.failure(PULL, days=(31,))
    assert f"shopify.customers: {said}" in failure
    assert "@" not in failure
    assert TOKEN not in failure
    assert landed(pulling) == []


def test_an_api_that_pages_in_a_circle_is_not_asked_for_ever(pulling: SmallCompany, shopify: Shopify) -> None:
    again = as_json(200, {"customers": [shopper(1, "2026-03-01")]}, Link=f'<{shopify.url}/x>; rel="next"')
    shopify.faults = [again] * 4
    assert "two pages in a row are the same" in pulling.failure(PULL, days=(31,))


def test_a_secret_that_is_not_set_is_named(
    pulling: SmallCompany, shopify: Shopify, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SHOPIFY_TOKEN")
    assert "the environment variable SHOPIFY_TOKEN is not set" in pulling.failure(PULL, days=(31,))


def test_a_file_that_was_lost_before_it_was_loaded_is_pulled_again(pulling: SmallCompany, shopify: Shopify) -> None:
    pulling.materialize(PULL, days=(31,))
    for path in pulling.landing.rglob("*.ndjson.gz"):
        path.unlink()
    pulling.materialize(PULL, RAW, days=(31,))
    assert pulling.one("SELECT count(*) FROM lake.raw.shopify__customers") == 5


def test_a_file_that_was_loaded_may_go(pulling: SmallCompany, shopify: Shopify) -> None:
    pulling.materialize(PULL, RAW, days=(31,))
    for path in pulling.landing.rglob("*.ndjson.gz"):
        path.unlink()
    pulling.materialize(PULL, RAW, days=(31,))
    assert pulling.one("SELECT count(*) FROM lake.raw.shopify__customers") == 5


def test_a_row_that_changes_while_pages_are_read_is_not_lost(pulling: SmallCompany, shopify: Shopify) -> None:
    now = dt.datetime.now(dt.UTC)

    def change(number: int) -> None:
        if number == 2:  # the first page was read, and the last one will show a later change
            for n, seconds in ((1, 60), (5, 120)):
                at = (now + dt.timedelta(seconds=seconds)).isoformat()
                shopify.rows["customers"][n - 1] = shopper(n, at, first_name="Changed")

    shopify.between = change
    for _ in range(2):
        pulling.materialize(PULL, RAW, days=(31,))
    assert pulling.query("SELECT id, count(*) FROM lake.raw.shopify__customers GROUP BY id ORDER BY id") == [
        ("1", 2),
        ("2", 1),
        ("3", 1),
        ("4", 1),
        ("5", 1),
    ]


COUNTED = """
    name: counted
    description: An API that counts rows
    api: {base_url: "${COUNTED_URL}"}
    streams:
      things:
        description: A thing
        endpoint: {path: things, data_selector: things, paginator: {type: offset, limit: 2}}
        columns: {id: , at: }
"""


def test_pages_that_shift_while_they_are_read_are_read_again(
    pulling: SmallCompany, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulling.declare("sources/counted.yaml", COUNTED)
    with serving(Counted()) as vendor:
        monkeypatch.setenv("COUNTED_URL", vendor.url)
        vendor.rows["things"] = [{"id": n, "at": n} for n in range(1, 7)]
        vendor.between = lambda number: vendor.rows["things"][0].update(at=9) if number == 2 else None
        pulling.materialize("pulls/counted__things", "raw/counted__things", days=(31,))
    assert pulling.one("SELECT list(DISTINCT id ORDER BY id) FROM lake.raw.counted__things") == list("123456")


def test_a_cursor_that_goes_back_is_reported(pulling: SmallCompany, shopify: Shopify) -> None:
    pulling.materialize(PULL, days=(31,))
    shopify.rows["customers"] = shopify.rows["customers"][:3]
    (check,) = pulling.materialize(PULL, days=(31,)).get_asset_check_evaluations()
    assert not check.passed
    assert "the cursor has gone back" in str(check.description)


def contact(number: int, at: str) -> dict[str, Any]:
    properties = {"firstname": f"Ann{number}", "email": f"ann{number}@example.com", "secret": "not asked for"}
    return {"id": str(number), "properties": properties, "archived": False, "createdAt": at, "updatedAt": at}


def test_an_api_that_gives_all_lands_only_what_changed(pulling: SmallCompany, monkeypatch: pytest.MonkeyPatch) -> None:
    use(pulling, "hubspot")
    vendor: Vendor
    with serving(HubSpot()) as vendor:
        monkeypatch.setenv("HUBSPOT_URL", vendor.url)
        monkeypatch.setenv("HUBSPOT_TOKEN", TOKEN)
        vendor.rows["contacts"] = [contact(n, f"2026-03-0{9 - n}T10:00:00.000Z") for n in range(1, 6)]
        pulling.materialize("pulls/hubspot__contacts", "raw/hubspot__contacts", days=(31,))
        vendor.rows["contacts"][3] = contact(4, "2026-03-20T10:00:00.000Z")
        pulling.materialize("pulls/hubspot__contacts", "raw/hubspot__contacts", days=(31,))
    pulling.bring("customers", days=(31,))
    assert pulling.one("SELECT count(*) FROM lake.raw.hubspot__contacts") == 6
    assert pulling.query(
        "SELECT first_name, email FROM lake.standardized.customers WHERE record_key = 'hubspot:4'"
    ) == [("Ann4", "ann4@example.com")]

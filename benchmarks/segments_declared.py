"""A hundred segments of every kind, and the traits that some look at: what the benchmark of segments evaluates."""

import datetime as dt
from typing import Any

from cdp_model.model import CompanySettings, Model
from cdp_model.traits import Segment, Trait

VIEWED, ADDED, ORDERED, SOLD = "Product Viewed", "Product Added", "Order Completed", "Product Sold"
OPENED, CLICKED, SENT, RETURNED, TICKET = (
    "Email Opened",
    "Email Clicked",
    "Email Sent",
    "Order Returned",
    "Ticket Opened",
)
TRAITS: dict[str, dict[str, Any]] = {
    "orders": {"aggregate": "count", "events": [ORDERED]},
    "orders_90d": {"aggregate": "count", "events": [ORDERED], "window": "90 days"},
    "spend": {"aggregate": "sum", "of": "revenue_reporting", "events": [ORDERED, SOLD], "default": 0},
    "spend_365d": {
        "aggregate": "sum",
        "of": "revenue_reporting",
        "events": [ORDERED, SOLD],
        "window": "365 days",
        "default": 0,
    },
    "largest_order": {"aggregate": "max", "of": "revenue_reporting", "events": [ORDERED]},
    "days_since_last_order": {"aggregate": "days_since_last", "events": [ORDERED]},
    "days_since_last_visit": {"aggregate": "days_since_last", "events": ["Page Viewed", VIEWED]},
    "products_30d": {"aggregate": "count_distinct", "of": "product_id", "events": [VIEWED], "window": "30 days"},
    "web_days_30d": {"aggregate": "days_active", "events": ["Page Viewed", VIEWED], "window": "30 days"},
    "favourite_category": {
        "aggregate": "most_frequent",
        "of": "properties->>'category'",
        "events": [ORDERED, SOLD],
        "window": "90 days",
    },
    "sent_90d": {"aggregate": "count", "events": [SENT], "window": "90 days"},
    "opened_90d": {"aggregate": "count", "events": [OPENED], "window": "90 days"},
    "email_consent": {"consent": {"purpose": "marketing", "channel": "email"}},
    "open_rate_90d": {"sql": "opened_90d / nullif(sent_90d, 0)"},
    "percentile": {"score": {"of": "spend", "bins": 100, "among": "orders > 0"}},
    "tenure_days": {"sql": "as_of - first_seen::date"},
    "age": {
        "sql": "date_diff('year', date_of_birth, as_of) "
        "- (strftime(as_of, '%m%d') < strftime(date_of_birth, '%m%d'))::int"
    },
}


def model() -> Model:
    """The declared company."""
    company = CompanySettings(
        name="benchmark", owner="team:data", timezone="Europe/Berlin", start_date=dt.date(2025, 7, 1)
    )
    traits = {name: Trait.model_validate({"description": name, **declared}) for name, declared in TRAITS.items()}
    segments = {f"s{i:03}": Segment.model_validate({"description": "s", **d}) for i, d in enumerate(_declared())}
    assert len(segments) == 100
    return Model(company=company, sources={}, traits=traits, segments=segments)


def _declared() -> list[dict[str, Any]]:
    """Counts of events, sequences, traits, attributes, and segments of segments, with all that selects among people."""
    found: list[dict[str, Any]] = []
    for event in (VIEWED, ADDED, ORDERED, SOLD, OPENED, CLICKED):
        for least, window in ((2, "7 days"), (4, "30 days"), (6, "90 days"), (12, "365 days")):
            found.append({"all": [_did(event, at_least=least, window=window), "country in ('DE', 'GB')"]})
    for event in (ORDERED, SOLD, ADDED, OPENED):
        for window in ("14 days", "60 days", "180 days", "this month"):
            found.append({"all": [_did(event), {"did_not": {"events": [event], "window": window}}]})
    for category in ("Garden", "Kitchen", "Food", "Toys"):
        only = {"where": f"properties->>'category' = '{category}'"}
        found.append({"all": [_did(SOLD, **only), {"did_not": {"events": [ORDERED], **only}}]})
        found.append({"all": [_did(VIEWED, at_least=3, window="30 days", **only)]})
    for month in range(1, 7):
        found.append({"all": [_did(RETURNED, since=f"2026-{month:02}-01", until=f"2026-{month:02}-28")]})
    for first, then, missing in ((VIEWED, ADDED, ORDERED), (SENT, OPENED, CLICKED), (ADDED, ORDERED, RETURNED)):
        for window in ("30 days", "90 days"):
            steps = [{"events": [first]}, {"events": [then], "within": "1 day"}, {"not": missing, "within": "2 days"}]
            found.append({"all": [{"sequence": steps, "window": window}]})
    for spend in (50, 100, 200):
        found.append({"all": [f"spend > {spend}", "days_since_last_order > 45"], "none": ["days_since_last_visit < 7"]})
        found.append({"all": [f"spend_365d > {spend}", "largest_order > 60", "orders_90d > 0"]})
    found += [{"all": [f"open_rate_90d >= {rate}", "email_consent"]} for rate in (0.25, 0.5, 0.75)]
    found += [{"all": [f"favourite_category = '{category}'"]} for category in ("Garden", "Kitchen", "Food")]
    found += [{"all": [f"percentile > {least}"]} for least in (80, 95, 99)]
    found += [{"all": [f"products_30d >= {least}", f"web_days_30d >= {least}"]} for least in (1, 2, 4)]
    found += [{"all": [f"country = '{country}'", "age between 18 and 29"]} for country in ("DE", "GB", "FR")]
    found += [{"all": ["tenure_days < 7"]}, {"all": ["tenure_days between 30 and 60", "orders = 0"]}]
    found += [{"all": [_did(TICKET, window=f"{days} days"), "household_id is not null"]} for days in (14, 60, 180)]
    for rank in range(6):
        named = {"priority_list": "spring", "rank": rank, "holdout": {"share": 0.1, "salt": "spring"}}
        found.append({"all": [{"in": f"s{rank * 4:03}"}], "none": [{"in": f"s{24 + rank * 2:03}"}], **named})
    found += [{"all": [{"in": f"s{n:03}"}], "split": {"from": 0, "to": 0.5, "salt": "half"}} for n in (40, 50, 60)]
    found += [{"all": [{"not_in": f"s{n:03}"}, "email_consent"], "cap": 5000} for n in (1, 20, 30)]
    while len(found) < 100:
        found.append({"any": [_did(ORDERED, at_least=len(found) // 20, window="45 days"), f"spend > {len(found) * 3}"]})
    return found


def _did(event: str, **more: Any) -> dict[str, Any]:
    return {"did": {"events": [event], **more}}

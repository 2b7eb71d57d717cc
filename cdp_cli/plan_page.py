"""A plan for people to read: its tables, and one self-contained HTML page with charts. No decision is made here."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from cdp_assets.identity.plans import Plan
from cdp_cli.pages import render

KINDS = {
    "merged": "people who are joined to another",
    "split": "new people out of another one's records",
    "moved": "records that go to another person",
    "minted": "new people",
    "retired": "people without a record left",
}
LABELS = {
    "precision": "joined pairs that are right",
    "recall": "pairs of one person that are joined",
    "f1": "both, as one number (pairwise F1)",
    "b_cubed_precision": "B³ precision",
    "b_cubed_recall": "B³ recall",
    "b_cubed_f1": "B³ F1",
    "decisions": "people's decisions that links agree with",
}


class Section(NamedTuple):
    """One table: title, columns, rows of text."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]


class Bar(NamedTuple):
    """One line of a chart: what it says, and its two values as shares of the largest one in the chart."""

    name: str
    text: str
    before_share: float
    after_share: float


def sections(plan: Plan) -> list[Section]:
    """The tables of a plan. Empty ones are left out."""
    summary = plan.summary
    day = summary["as_of"]
    found = [
        Section("What differs", ("setting", "in use", "planned"), list(_settings(plan))),
        Section("People", ("", "now", "then"), list(_people(summary))),
        Section("How right", ("on labels", "now", "then"), list(_labels(summary))),
        Section(
            f"Segments on {day}",
            ("segment", "now", "then", "entering", "leaving"),
            [(name, *(f"{size:,}" for size in sizes.values())) for name, sizes in summary["segments"].items()],
        ),
        Section("Rows to send, due now → then", ("sync", "add", "update", "remove", ""), list(_syncs(summary))),
        Section("Examples", ("what", "person", "other", "records, whose → whose"), list(_examples(summary))),
        Section("Doubts about the model", ("",), [(doubt,) for doubt in summary["doubts"]]),
    ]
    return [section for section in found if section.rows]


def page(plan: Plan) -> str:
    """The plan as one HTML page that needs nothing else."""
    summary = plan.summary
    charts = {
        "Changes": _bars((KINDS[kind], None, count) for kind, count in summary["changes"].items()),
        "Segments": _bars((name, s["before"], s["after"]) for name, s in summary["segments"].items()),
        "How right": _bars((LABELS.get(name, name), was, now) for name, (was, now) in summary["labels"].items()),
    }
    return render("plan.html", plan=plan, sections=sections(plan), charts=charts)


def _settings(plan: Plan) -> Iterator[tuple[str, ...]]:
    for name, (was, now) in plan.summary["settings"].items():
        yield name, _short(was), _short(now)
    yield "version", plan.promoted_version, plan.candidate_version


def _people(summary: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    yield "people", f"{summary['people']['before']:,}", f"{summary['people']['after']:,}"
    for kind, count in summary["changes"].items():
        yield f"{kind}: {KINDS[kind]}", "", f"{count:,}"
    yield "ids affected", "", f"{summary['ids_affected']:,}"
    yield "records that change person", "", f"{summary['records_affected']:,}"


def _labels(summary: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for name, (was, now) in summary["labels"].items():
        yield LABELS.get(name, name), "" if was is None else f"{was:.4f}", f"{now:.4f}"


def _syncs(summary: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for name in sorted({*summary["syncs"], *summary["stopped"]}):
        changes = summary["syncs"].get(name, {})
        counts = (f"{now:,} → {then:,}" for now, then in (changes.get(c, (0, 0)) for c in ("add", "update", "remove")))
        yield name, *(counts if changes else ("", "", "")), summary["stopped"].get(name, "")


def _examples(summary: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for example in summary["examples"]:
        records = "\n".join(
            f"{source}: {masked}  {_id(was)} → {_id(now)}" for source, masked, was, now in example["records"]
        )
        yield example["kind"], _id(example["person"]), _id(example["other"]), records


def _bars(rows: Iterable[tuple[str, float | None, float]]) -> list[Bar]:
    kept = list(rows)
    largest = max((max(was or 0, now) for _, was, now in kept), default=0) or 1
    bars = []
    for name, was, now in kept:
        text = " → ".join(f"{value:,}" if value >= 1 else f"{value:.4g}" for value in (was, now) if value is not None)
        bars.append(Bar(name, text, (was or 0) / largest, now / largest))
    return bars


def _id(person: str | None) -> str:
    return person[:8] if person else "–"


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 80 else text[:79] + "…"

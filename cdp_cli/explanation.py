"""How an explanation is shown in a terminal: the answer first, then what it rests on."""

from rich.text import Text

from cdp_assets.identity.comparing import Compared
from cdp_assets.identity.explain import Explanation
from cdp_assets.identity.steps import Step
from cdp_cli.tables import print_table, wide_console

COMPARED = {"address": ("street", "postal_code", "city")}
"""Columns of the evidence that a comparison looks at, where it is not named like its column."""


def print_explanation(found: Explanation) -> None:
    """Everything that is known about why the two records are, or are not, one person."""
    console = wide_console()
    console.print(Text(f"{found.left_key} and {found.right_key}: {found.cause}", style="bold"))
    console.print(Text(found.text))
    if found.pending:
        console.print("A decision or a link is newer than the people: the next run looks at these records again.")
    for step in found.path:
        _print_step(found, step)
    if not found.joined and len(found.path) != 1:
        _print_step(found, found.pair)
    if found.weakest and len(found.path) > 1:
        console.print(Text(f"Weakest link of the path: {_title(found, found.weakest)}"))
    if found.since:
        console.print(f"One person since {found.since:%Y-%m-%d %H:%M:%S} UTC.")
    if found.changes:
        names = ("kind", "person_id", "other_person_id", "run_id", "reason")
        print_table(names, [[change[name] for name in names] for change in found.changes], "What brought them together")
    rows = [(raw.record_key, found.persons.get(raw.record_key), raw.table, raw.row, raw.file) for raw in found.raw_rows]
    if rows:
        print_table(("record", "person", "raw table", "rowid", "file"), rows, "Where the records come from")


def _title(found: Explanation, step: Step) -> str:
    parts = [f"{step.left_key} – {step.right_key}: {step.rule or 'no link'}"]
    if step.match_weight is not None and not step.decision:
        parts.append(f"match weight {step.match_weight:.1f}")
    if step.veto:
        parts.append(f"veto: {step.veto}")
    if step in found.path and found.persons.get(step.left_key) != found.persons.get(step.right_key):
        parts.append("here people part")
    return ", ".join(parts)


def _print_step(found: Explanation, step: Step) -> None:
    console = wide_console()
    console.print(Text(_title(found, step), style="bold"))
    if step.decision:
        console.print(Text(f"  {step.decision}: {step.decision.reason or 'no reason given'}"))
    elif step.compared:
        by = f"by model {step.model_version}" if step.model_version else "on the spot, with the model in use"
        _print_waterfall(found, step, step.compared, f"Scored {by}")


def _print_waterfall(found: Explanation, step: Step, compared: Compared, title: str) -> None:
    """What each comparison adds, from the odds of any two records to the weight of this pair."""
    rows: list[tuple[object, ...]] = [("any two records", "", f"{compared.prior:+.1f}", bar(compared.prior), "", "")]
    for part in compared.parts:
        values = [_value(found, key, part.comparison) for key in (step.left_key, step.right_key)]
        rows.append((part.comparison, part.level, f"{part.weight:+.1f}", bar(part.weight), *values))
    rows.append(("together", "", f"{compared.weight:+.1f}", bar(compared.weight), "", ""))
    print_table(("comparison", "finding", "weight", "", step.left_key, step.right_key), rows, title)


def bar(weight: float) -> str:
    """A bar as long as the weight, in full blocks for and light ones against."""
    return ("█" if weight > 0 else "░") * min(round(abs(weight)), 40)


def _value(found: Explanation, key: str, comparison: str) -> str:
    values = (found.values.get(key, {}).get(name) for name in COMPARED.get(comparison, (comparison,)))
    return ", ".join(str(value) for value in values if value is not None)

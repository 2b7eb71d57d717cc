"""What the page of a model shows: pictures and figures of its test, from the metrics that its version keeps."""

from typing import Any

from cdp_assets import charts
from cdp_assets.predictions.versions import Version

DRIVERS = 12


def figures(version: Version) -> dict[str, float]:
    """Single numbers, which Dagster plots over time."""
    numbers = {name: value for name, value in version.trained.metrics.items() if isinstance(value, int | float)}
    return {name: round(float(value), 6) for name, value in numbers.items()}


def page(version: Version) -> list[str]:
    """Pictures of the test: expected beside actual, lift by decile, what drives it. Empty where nothing was tested."""
    metrics, name = version.trained.metrics, version.prediction
    found: list[str] = []
    if "groups" in metrics:
        found.append(_purchases(name, metrics))
    if "deciles" in metrics:
        tenths = list(enumerate(metrics["deciles"], 1))
        both = [(f"{i}. tenth", tenth["predicted"], tenth["happened"]) for i, tenth in tenths]
        found.append(charts.pairs(f"{name}: calibration", ("predicted", "happened"), both))
        lifts = [(f"{i}. tenth", round(tenth["lift"], 2)) for i, tenth in tenths]
        found.append(charts.bars(f"{name}: lift by decile, against everybody", lifts, " ×"))
    if "drivers" in metrics:
        drivers = [(str(feature), max(round(float(fall), 4), 0.0)) for feature, fall in metrics["drivers"][:DRIVERS]]
        found.append(charts.bars(f"{name}: what drives it, loss of AUC without", drivers))
    if "silhouettes" in metrics:
        clear = [(f"{k} groups", round(float(value), 3)) for k, value in metrics["silhouettes"]]
        found.append(charts.bars(f"{name}: silhouette by number of groups", clear))
        sizes = [(group["segment"], group["people"]) for group in metrics["told"]]
        found.append(charts.bars(f"{name}: people", sizes))
    if "hit_rates" in metrics:
        rates = [(str(rule), round(100 * float(rate), 1)) for rule, rate in metrics["hit_rates"]]
        found.append(charts.bars(f"{name}: people who later bought one of what was recommended", rates, " %"))
    return found


def groups(version: Version) -> list[tuple[str, str, str, str]]:
    """Of clusters: segment, people, share of all, and what sets them apart."""
    found = version.trained.metrics.get("told", [])
    return [(g["segment"], f"{g['people']:,}", f"{g['share']:.0%}", g["words"]) for g in found]


def _purchases(name: str, metrics: dict[str, Any]) -> str:
    groups = [(f"{group['repeats']} repeats", group["expected"], group["actual"]) for group in metrics["groups"]]
    title = f"{name}: purchases in the {metrics['test_days']} days after, by those before"
    return charts.pairs(title, ("expected", "actual"), groups)

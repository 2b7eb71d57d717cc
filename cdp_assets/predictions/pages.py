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
        predicted = [(f"{i}. tenth, predicted", tenth["predicted"]) for i, tenth in tenths]
        happened = [(f"{i}. tenth, happened", tenth["happened"]) for i, tenth in tenths]
        both = [bar for pair in zip(predicted, happened, strict=True) for bar in pair]
        found.append(charts.bars(f"{name}: calibration, mean probability and share it happened to", both))
        lifts = [(f"{i}. tenth", tenth["lift"]) for i, tenth in tenths]
        found.append(charts.bars(f"{name}: lift by decile, against everybody", lifts, " ×"))
    if "drivers" in metrics:
        drivers = [(str(feature), max(float(fall), 0.0)) for feature, fall in metrics["drivers"][:DRIVERS]]
        found.append(charts.bars(f"{name}: what drives it, loss of AUC without", drivers))
    if "hit_rates" in metrics:
        rates = [(str(rule), 100 * float(rate)) for rule, rate in metrics["hit_rates"]]
        found.append(charts.bars(f"{name}: people who later bought one of what was recommended", rates, " %"))
    return found


def _purchases(name: str, metrics: dict[str, Any]) -> str:
    bars = []
    for group in metrics["groups"]:
        who = f"{group['repeats']} repeats"
        bars += [(f"{who}, expected", group["expected"]), (f"{who}, actual", group["actual"])]
    return charts.bars(f"{name}: purchases in the {metrics['test_days']} days after, by repeat purchases before", bars)

"""Match weights: log2 odds, as Splink gives them."""

import math


def to_weight(probability: float) -> float:
    """Match weight (log2 odds) of a match probability."""
    return math.log2(probability / (1 - probability))

"""Gamma-Gamma: what a customer spends at a purchase.

Fader and Hardie (2013), The Gamma-Gamma Model of Monetary Value. The values of a customer's purchases are
Gamma(p, ν), and ν ~ Gamma(q, γ) differs between customers. The data of a customer are n, the purchases, and m, their
mean value. Pure: arrays in, arrays out.
"""

from dataclasses import dataclass

import numpy as np
import scipy

from cdp_assets.predictions.bg_nbd import Array, NotFitted

SPREAD = (1e-2, 1e3)
"""Bounds of p and of q above 1: below, the mean of all customers would be infinite."""


@dataclass(frozen=True)
class GammaGamma:
    """The three parameters. The unit of ``gamma`` is the unit of money of the data."""

    p: float
    q: float
    gamma: float

    @classmethod
    def fit(cls, purchases: Array, mean_value: Array) -> "GammaGamma":
        """Maximum likelihood over customers with purchases whose mean value is above 0.

        Raises ``NotFitted`` where there are none, or the optimizer finds no maximum.
        """
        some = (purchases > 0) & (mean_value > 0)
        if not some.any():
            raise NotFitted("no purchase has a value above 0")
        unit = float(mean_value[some].mean())
        n, m = purchases[some], mean_value[some] / unit

        def loss(logs: Array) -> tuple[float, Array]:
            p, q, gamma = np.exp(logs[0]), 1 + np.exp(logs[1]), np.exp(logs[2])
            likelihood, gradient = _log_likelihood(p, q, gamma, n, m)
            return -likelihood / len(n), -gradient * np.array([p, q - 1, gamma]) / len(n)

        low, high = np.log(SPREAD)
        bounds = [(low, high), (low, high), (low, high)]
        start = np.log([2.0, 2.0, 1.0])
        found = scipy.optimize.minimize(
            loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 500}
        )
        if not found.success or not np.isfinite(found.fun):
            raise NotFitted(f"the likelihood of the values has no maximum that can be found: {found.message}")
        p, q_above, gamma = np.exp(found.x)
        return cls(float(p), float(1 + q_above), float(gamma * unit))

    @property
    def mean_of_all(self) -> float:
        """Expected value of a purchase of a customer of whom nothing is known."""
        return self.p * self.gamma / (self.q - 1)

    def expected_value(self, purchases: Array, mean_value: Array) -> Array:
        """Of a future purchase: between the mean of all and the customer's own, the nearer the more purchases."""
        n = np.where(mean_value > 0, purchases, 0)
        m = np.where(n > 0, mean_value, 0)
        return self.p * (self.gamma + n * m) / (self.p * n + self.q - 1)


def _log_likelihood(p: float, q: float, gamma: float, n: Array, m: Array) -> tuple[float, Array]:
    """Equation 1a of the note, and its gradient."""
    gammaln, digamma = scipy.special.gammaln, scipy.special.digamma
    inner = gamma + n * m
    total = gammaln(p * n + q) - gammaln(p * n) - gammaln(q) + q * np.log(gamma)
    total = total + (p * n - 1) * np.log(m) + p * n * np.log(n) - (p * n + q) * np.log(inner)
    together = digamma(p * n + q)
    d_p = n * (together - digamma(p * n) + np.log(m) + np.log(n) - np.log(inner))
    d_q = together - digamma(q) + np.log(gamma) - np.log(inner)
    d_gamma = q / gamma - (p * n + q) / inner
    return float(total.sum()), np.array([d_p.sum(), d_q.sum(), d_gamma.sum()])

"""BG/NBD: how often customers buy while they are active, and when they stop.

Fader, Hardie and Lee (2005), "Counting Your Customers" the Easy Way, Marketing Science 24(2). A customer buys at a
Poisson rate λ ~ Gamma(r, α) and stops after any purchase with probability p ~ Beta(a, b). The data of a customer are
x, the repeat purchases; t_x, when the last of them was; and T, how long they have been known, both since the first
purchase and in one unit. Pure: arrays in, arrays out.
"""

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

Array = NDArray[np.float64]

BOUNDS = (1e-3, 1e4)
"""Where fitting stops. A parameter there says that customers do not differ in that respect, as far as can be seen."""


FEW = 100
"""Up to so many repeat purchases ₂F₁ is exact; of far more it overflows."""


class NotFitted(Exception):
    """Why no parameters could be found, in words."""


@dataclass(frozen=True)
class BgNbd:
    """The four parameters. The unit of ``alpha`` is the unit of time of the data."""

    r: float
    alpha: float
    a: float
    b: float

    @classmethod
    def fit(cls, x: Array, t_x: Array, t: Array, customers: Array | None = None) -> "BgNbd":
        """Maximum likelihood. ``customers``: how many have the same (x, t_x, T); one each by default.

        Raises ``NotFitted`` where nobody bought twice, or the optimizer finds no maximum.
        """
        if not (x > 0).any():
            raise NotFitted("nobody bought twice")
        weights = np.ones_like(x) if customers is None else customers.astype(float)
        unit = float(np.average(t, weights=weights)) or 1.0  # makes all parameters of a like size
        counts, count_of = np.unique(x, return_inverse=True)

        def loss(logs: Array) -> tuple[float, Array]:
            likelihood, gradient = _log_likelihood(np.exp(logs), counts, count_of, t_x / unit, t / unit, weights)
            return -likelihood / weights.sum(), -gradient * np.exp(logs) / weights.sum()

        # from the middle: customers who buy about as often as is seen, and stop after some five purchases
        start = np.log([1.0, 1.0 / max(float(np.average(x, weights=weights)), 0.05), 1.0, 4.0])
        low, high = np.log(BOUNDS)
        found = scipy.optimize.minimize(
            loss, start, jac=True, method="L-BFGS-B", bounds=[(low, high)] * 4, options={"maxiter": 500}
        )
        if not found.success or not np.isfinite(found.fun):
            raise NotFitted(f"the likelihood has no maximum that can be found: {found.message}")
        r, alpha, a, b = np.exp(found.x)
        return cls(float(r), float(alpha * unit), float(a), float(b))

    @property
    def at_a_bound(self) -> list[str]:
        """Names of the parameters that fitting would have moved further."""
        near = {name: getattr(self, name) for name in ("r", "a", "b")}
        return [name for name, value in near.items() if not BOUNDS[0] * 1.01 < value < BOUNDS[1] * 0.99]

    def log_likelihood(self, x: Array, t_x: Array, t: Array) -> float:
        """Of the data under these parameters: equation 6 of the paper."""
        counts, count_of = np.unique(x, return_inverse=True)
        parameters = np.array([self.r, self.alpha, self.a, self.b])
        return _log_likelihood(parameters, counts, count_of, t_x, t, np.ones_like(x))[0]

    def probability_alive(self, x: Array, t_x: Array, t: Array) -> Array:
        """That the customer has not stopped. 1 for customers who bought once: nobody stops before a second purchase."""
        with np.errstate(over="ignore"):
            odds = np.exp((self.r + x) * (np.log(self.alpha + t) - np.log(self.alpha + t_x)))
            return np.where(x > 0, 1 / (1 + self.a / (self.b + np.maximum(x, 1) - 1) * odds), 1.0)

    def expected_purchases(self, horizon: float, x: Array, t_x: Array, t: Array) -> Array:
        """Purchases in the next ``horizon``: equation 10 of the paper."""
        reach = horizon / (self.alpha + t)
        if_alive = np.empty_like(reach)
        few = x <= FEW
        if_alive[few] = self._by_formula(x[few], reach[few])
        for count in np.unique(x[~few]):
            if_alive[x == count] = self._by_quadrature(float(count), reach[x == count])
        return if_alive * self.probability_alive(x, t_x, t)

    def _by_formula(self, x: Array, reach: Array) -> Array:
        """Expected purchases of customers who are active, for horizons of ``reach`` times (α + T)."""
        a = self.a if abs(self.a - 1) > 1e-6 else 1 + 1e-6  # the limit at a = 1 is smooth, the formula is 0/0
        shape, total = self.r + x, a + self.b + x - 1
        decline = (1 + reach) ** -shape * scipy.special.hyp2f1(shape, self.b + x, total, reach / (1 + reach))
        return total / (a - 1) * (1 - decline)

    def _by_quadrature(self, x: float, reach: Array) -> Array:
        """The same where ₂F₁ overflows: E[(1 - (1 + p reach)^-(r+x)) / p] over p ~ Beta(a, b + x)."""
        p, weight = _beta_nodes(self.a, self.b + x)
        return -np.expm1(-(self.r + x) * np.log1p(np.outer(reach, p))) / p @ weight


def _beta_nodes(a: float, b: float, nodes: int = 64) -> tuple[Array, Array]:
    """Gauss quadrature for Beta(a, b), from Jacobi's polynomials (Golub and Welsch 1969)."""
    k, left, right = np.arange(1, nodes), b - 1, a - 1
    both = 2 * k + left + right
    middle = np.r_[(right - left) / (left + right + 2), (right**2 - left**2) / (both * (both + 2))]
    tail = np.where(k == 1, 1.0, (k + left + right) / (both - 1))
    beside = np.sqrt(4 * k * (k + left) * (k + right) * tail / (both**2 * (both + 1)))
    points, vectors = scipy.linalg.eigh_tridiagonal(middle, beside)
    return (1 + points) / 2, vectors[0] ** 2


def _log_likelihood(
    parameters: Array, counts: Array, count_of: NDArray[np.intp], t_x: Array, t: Array, weights: Array
) -> tuple[float, Array]:
    """Log-likelihood and its gradient. What depends on x alone is computed once for each different x."""
    gammaln, digamma = scipy.special.gammaln, scipy.special.digamma
    r, alpha, a, b = parameters
    x = counts[count_of]
    last = np.maximum(x, 1) - 1
    alive = -(r + x) * np.log(alpha + t)
    with np.errstate(divide="ignore"):
        stopped = np.where(x > 0, np.log(a) - np.log(b + last) - (r + x) * np.log(alpha + t_x), -np.inf)
    either = np.logaddexp(alive, stopped)
    by_count = gammaln(r + counts) - gammaln(r) + gammaln(a + b) + gammaln(b + counts) - gammaln(b)
    by_count -= gammaln(a + b + counts)
    total = by_count[count_of] + r * np.log(alpha) + either

    is_alive, is_stopped = np.exp(alive - either), np.exp(stopped - either)
    d_r = (digamma(r + counts) - digamma(r))[count_of] + np.log(alpha)
    d_r -= is_alive * np.log(alpha + t) + is_stopped * np.log(alpha + t_x)
    d_alpha = r / alpha - (r + x) * (is_alive / (alpha + t) + is_stopped / (alpha + t_x))
    both = digamma(a + b) - digamma(a + b + counts)
    d_a = both[count_of] + is_stopped / a
    d_b = (both + digamma(b + counts) - digamma(b))[count_of] - is_stopped / (b + last)
    # not `@`: its threads are slow on a busy machine, and round as their number has it
    gradient = np.array([(weights * part).sum() for part in (d_r, d_alpha, d_a, d_b)])
    return float((weights * total).sum()), gradient

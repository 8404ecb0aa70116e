"""The closed-form interval of a share, for every layer that shows one. More stands in apps/metrics/statistics."""

from __future__ import annotations

from math import sqrt

Z95 = 1.96
"""Two-sided 95 % point of the normal distribution, as metrics are published with it."""


def wilson_bounds(hits: float, n: float) -> tuple[float, float]:
    """Wilson's 95 % score interval of a share, 0..1. Needs n > 0.

    Wilson, E. B. (1927). Probable inference, the law of succession, and statistical inference. JASA 22.
    """
    share, z2 = hits / n, Z95 * Z95
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    reach = Z95 / (1 + z2 / n) * sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    # At 0 and at n of n one limit is exact; floating point misses it by 1e-17.
    return (0.0 if hits == 0 else centre - reach, 1.0 if hits == n else centre + reach)

"""PBO of noise, to be shown beside every PBO: alone it is no evidence of skill or of luck."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

__all__ = ["NoiseBand", "noise_band"]

POINTS = (10, 20, 50, 100, 250, 500, 1_000)
LOW = (0.15, 0.17, 0.22, 0.24, 0.29, 0.32, 0.36)
HIGH = (0.88, 0.82, 0.79, 0.74, 0.72, 0.70, 0.69)
"""Quantiles of PBO over sweeps of independent points without skill, with 2,520 sessions in 16
blocks; `python benchmarks/validation.py --band` computes them."""


@dataclass(frozen=True)
class NoiseBand:
    """The range in which PBO lies in 9 of 10 sweeps without skill.

    Attributes
    ----------
    low, high
        Its 5 % and 95 % quantiles. Points that resemble each other have a wider band.
    """

    low: float
    high: float


def noise_band(points: int) -> NoiseBand:
    """Return the band of PBO for a number of independent points, at least 10."""
    # The bounds change with the logarithm of the number. Beyond 1,000 points, those of 1,000 hold.
    at, known = math.log(points), [math.log(number) for number in POINTS]
    return NoiseBand(float(np.interp(at, known, LOW)), float(np.interp(at, known, HIGH)))

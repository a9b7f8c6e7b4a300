"""Exactly rounded sums over a rolling window, in a time that does not depend on its length.

`math.fsum` of each window rounds once, so its result does not depend on the order of summing: any
way to the exact sum that rounds once gives the same bits. Here all values become whole multiples of
one power of two, held in two int64 limbs; the difference of two prefix sums is the exact sum of a
window, and turning it into a double rounds once. Wrapped prefixes do no harm, since the
differences fit.

Must equal: `math.fsum(values[i - period + 1 : i + 1])` for each i, bit for bit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["rolling_sums"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MANTISSA = 53
LIMB = 32
LOW_BITS = (1 << LIMB) - 1
WIDEST_SHIFT = 30
"""Of the low limb, so that it stays within int64."""
LEAST_EXPONENT, GREATEST_EXPONENT = -900, 960
"""Between these, no sum is subnormal or overflows."""


def rolling_sums(values: Floats, period: int) -> Floats | None:
    """The sum of each `period` consecutive values, correctly rounded.

    Parameters
    ----------
    values
        float64, shape (bars,).
    period
        Values in a window, 1 or more.

    Returns
    -------
    float64 of shape (bars - period + 1,); None where the values are not finite, too far apart in
    magnitude for the two limbs, or fewer than the window.
    """
    if not 1 <= period <= len(values) or not np.isfinite(values).all():
        return None
    # value = mantissa * 2**exponent, with a mantissa from 0.5 to 1
    mantissa, exponent = np.frexp(values)
    # Zeros have the exponent 0, which would widen the span of the others.
    used = exponent[mantissa != 0.0]
    if not len(used):
        return np.zeros(len(values) - period + 1)
    least, greatest = int(used.min()), int(used.max())
    # In units of the last bit of the smallest value, the largest one has 53 + shift bits.
    shift = greatest - least
    # The high limb of a window's sum must be exact as a double.
    high_bits = MANTISSA + shift - LIMB + period.bit_length() + 1
    if shift > WIDEST_SHIFT or high_bits > MANTISSA:
        return None
    if least < LEAST_EXPONENT or greatest > GREATEST_EXPONENT:
        return None
    # Exact: a mantissa has 53 bits.
    whole = np.ldexp(mantissa, MANTISSA).astype(np.int64)
    low, high = _limbs(whole, np.where(whole == 0, 0, exponent - least).astype(np.int64))
    return np.ldexp(_window_sums(low, high, period), least - MANTISSA)


def _limbs(whole: Integers, shift: Integers) -> tuple[Integers, Integers]:
    """The low 32 bits of `whole << shift`, and the rest."""
    # Two's complement: negative numbers have a non-negative low part and a floored high one.
    low = (whole & LOW_BITS) << shift
    return low & LOW_BITS, ((whole >> LIMB) << shift) + (low >> LIMB)


def _window_sums(low: Integers, high: Integers, period: int) -> Floats:
    low, high = _differences(low, period), _differences(high, period)
    # The carry of the low sums
    high += low >> LIMB
    # Both terms are exact, so this addition is the one that rounds.
    return high.astype(np.float64) * 2.0**LIMB + (low & LOW_BITS).astype(np.float64)


def _differences(limb: Integers, period: int) -> Integers:
    prefix = np.zeros(len(limb) + 1, np.int64)
    # Prefixes may wrap around. Their difference is right nevertheless, as int64 counts modulo
    # 2**64.
    np.cumsum(limb, out=prefix[1:])
    return prefix[period:] - prefix[:-period]

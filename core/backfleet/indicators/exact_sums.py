"""Sums of windows, correctly rounded: those of `math.fsum`, which backtrader's averages use.

The values of a window are integers times one power of two. Where their magnitudes are near enough,
as those of prices are, the sum slides as such an integer, in one or two words, at a cost that does
not depend on the window's length; otherwise every window is summed anew, as `fsum` does.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from backfleet.compiled import compiled
from backfleet.indicators.warmup import empty_line

__all__ = ["exact_sum", "rising_sums", "rolling_sums"]

Floats = NDArray[np.float64]
Word = int | np.int64

MAGNITUDE = 0x7FFF_FFFF_FFFF_FFFF
FRACTION_BITS = 52
INFINITE = 0x7FF
BIAS = 1023
LOWEST, HIGHEST = BIAS - 900, BIAS + 900
"""Between these (biased) exponents, scaling by a power of two neither overflows nor rounds."""

ONE_WORD_BITS = 63
LOW_BITS = 40
"""Of two words, the lower holds this many bits of each value, the upper the others."""

TWO_WORD_BITS = LOW_BITS + FRACTION_BITS
LOW_MASK = (1 << LOW_BITS) - 1


@compiled
def rolling_sums(values: Floats, period: int, start: int = 0) -> Floats:
    """Sum of each window of `period` values, as `math.fsum` rounds it.

    Parameters
    ----------
    values
        float64 of shape (bars,).
    period
        Length of the window, at least 1.
    start
        What lies before this position does not count.

    Returns
    -------
    float64 of shape (bars,); NaN where a window holds NaN or begins before `start`.

    Raises
    ------
    ValueError
        Where `period` is less than 1.
    """
    count = len(values)
    sums = empty_line(count, start, period)
    lowest, highest = _exponents(values, start, count)
    has_gaps = highest == INFINITE
    first = start
    while first < count:
        stop = count
        if has_gaps:
            stop = _end_of_run(values, first)
            lowest, highest = _exponents(values, first, stop)
        if stop - first >= period:
            _sum_finite(values, period, first, stop, lowest, highest, sums)
        if stop < count:
            # Windows that reach the next gap are left to it.
            reached = min(stop + period, _end_of_run(values, stop + 1))
            for last in range(max(stop, start + period - 1), reached):
                sums[last] = _plain_sum(values, last - period + 1, last + 1)
        first = stop + 1
    return sums


@compiled
def rising_sums(values: Floats, period: int) -> Floats:
    """Sum of each window's values times 1, 2, ..., `period`, as `math.fsum` sums the products.

    The products are rounded before they are summed, so that a window costs its length.
    """
    count = len(values)
    sums = empty_line(count, 0, period)
    lowest, highest = _exponents(values, 0, count)
    longest = highest - lowest + FRACTION_BITS + 1 + 2 * _bits_of(period)
    if lowest < LOWEST or highest > HIGHEST or longest > TWO_WORD_BITS:
        products = np.empty(period)
        for last in range(period - 1, count):
            for weight in range(period):
                products[weight] = values[last - period + 1 + weight] * (weight + 1.0)
            sums[last] = exact_sum(products, 0, period)
        return sums
    exponent = lowest - BIAS - FRACTION_BITS
    to_units, unit = math.ldexp(1.0, int(-exponent)), math.ldexp(1.0, int(exponent))
    for last in range(period - 1, count):
        above, below = np.int64(0), np.int64(0)
        for weight in range(period):
            product = values[last - period + 1 + weight] * (weight + 1.0)
            upper, lower = _words(product * to_units)
            above += upper
            below += lower
        sums[last] = _join(above, below) * unit
    return sums


@compiled
def exact_sum(values: Floats, start: int, stop: int) -> float:
    """The sum of `values[start:stop]` as `math.fsum` rounds it.

    It keeps the sum as numbers that do not overlap, smallest first (Shewchuk 1997, "Adaptive
    precision floating-point arithmetic and fast robust geometric predicates", grow-expansion).
    """
    parts = np.empty(48)
    used = 0
    plain = 0.0
    for index in range(start, stop):
        value = values[index]
        plain += value
        used = _grow(parts, used, value)
    return _round(parts, used) if math.isfinite(plain) else plain


@compiled
def _exponents(values: Floats, start: int, stop: int) -> tuple[Word, Word]:
    """Least and greatest biased exponent of the values that are not 0; `INFINITE` also for NaN."""
    least, most = np.int64(MAGNITUDE - 1), np.int64(0)
    for index in range(start, stop):
        bits = np.float64(values[index]).view(np.int64) & MAGNITUDE
        most = max(most, bits)
        # Less 1, the bits of 0 are greater than all others.
        least = min(least, (bits - 1) & MAGNITUDE)
    return (least + 1) >> FRACTION_BITS, most >> FRACTION_BITS


@compiled
def _end_of_run(values: Floats, start: int) -> int:
    """The first position from `start` on that holds infinity or NaN, or the end."""
    stop = start
    while stop < len(values) and math.isfinite(values[stop]):
        stop += 1
    return stop


@compiled
def _plain_sum(values: Floats, start: int, stop: int) -> float:
    """The sum of a window that holds infinity or NaN."""
    total = 0.0
    for index in range(start, stop):
        total += values[index]
    return total


@compiled
def _sum_finite(
    values: Floats, period: int, start: int, stop: int, lowest: Word, highest: Word, sums: Floats
) -> None:
    bits = highest - lowest + FRACTION_BITS + 1 + _bits_of(period)
    if lowest > highest:
        # There are only zeros.
        sums[start + period - 1 : stop] = 0.0
    elif lowest < LOWEST or highest > HIGHEST or bits > TWO_WORD_BITS:
        for index in range(start + period - 1, stop):
            sums[index] = exact_sum(values, index - period + 1, index + 1)
    elif bits <= ONE_WORD_BITS:
        _slide_one_word(values, period, start, stop, lowest - BIAS - FRACTION_BITS, sums)
    else:
        _slide_two_words(values, period, start, stop, lowest - BIAS - FRACTION_BITS, sums)


@compiled
def _bits_of(period: int) -> int:
    """By how many bits a sum of `period` numbers may be longer than each."""
    bits = 0
    while 1 << bits < period:
        bits += 1
    return bits


@compiled
def _slide_one_word(
    values: Floats, period: int, start: int, stop: int, exponent: Word, sums: Floats
) -> None:
    to_units, unit = math.ldexp(1.0, int(-exponent)), math.ldexp(1.0, int(exponent))
    total = np.int64(0)
    for index in range(start, start + period):
        total += np.int64(values[index] * to_units)
    sums[start + period - 1] = np.float64(total) * unit
    for index in range(start + period, stop):
        total += np.int64(values[index] * to_units) - np.int64(values[index - period] * to_units)
        sums[index] = np.float64(total) * unit


@compiled
def _slide_two_words(
    values: Floats, period: int, start: int, stop: int, exponent: Word, sums: Floats
) -> None:
    to_units, unit = math.ldexp(1.0, int(-exponent)), math.ldexp(1.0, int(exponent))
    above, below = np.int64(0), np.int64(0)
    for index in range(start, stop):
        upper, lower = _words(values[index] * to_units)
        above += upper
        below += lower
        if index >= start + period:
            upper, lower = _words(values[index - period] * to_units)
            above -= upper
            below -= lower
        if index >= start + period - 1:
            sums[index] = _join(above, below) * unit


@compiled
def _join(above: Word, below: Word) -> float:
    # Both terms are exact, so that only their sum is rounded.
    upper = np.float64(above + (below >> LOW_BITS)) * float(1 << LOW_BITS)
    return upper + np.float64(below & LOW_MASK)


@compiled
def _words(units: float) -> tuple[Word, Word]:
    upper = np.floor(units * (1.0 / (1 << LOW_BITS)))
    return np.int64(upper), np.int64(units - upper * float(1 << LOW_BITS))


@compiled
def _grow(parts: Floats, used: int, value: float) -> int:
    """Add a value to parts that do not overlap; how many parts there are now."""
    kept = 0
    for index in range(used):
        part = parts[index]
        if abs(value) < abs(part):
            value, part = part, value
        high = value + part
        low = part - (high - value)
        if low != 0.0:
            parts[kept] = low
            kept += 1
        value = high
    if value != 0.0:
        parts[kept] = value
        kept += 1
    return kept


@compiled
def _round(parts: Floats, used: int) -> float:
    """The nearest float to the parts' sum; of two as near, the even one."""
    if used == 0:
        return 0.0
    used -= 1
    high = float(parts[used])
    low = 0.0
    while used > 0:
        used -= 1
        before = high
        high = before + parts[used]
        low = parts[used] - (high - before)
        if low != 0.0:
            break
    # Where `low` is exactly half a unit, what lies below it decides.
    if used > 0 and ((low < 0.0 and parts[used - 1] < 0.0) or (low > 0.0 and parts[used - 1] > 0)):
        double = low * 2.0
        other = high + double
        if double == other - high:
            high = other
    return high

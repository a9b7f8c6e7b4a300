"""Sums of windows, correctly rounded: those of `math.fsum`, which backtrader's averages use.

The values of a window are integers times one power of two. Where their magnitudes are near enough,
as those of prices are, each is split into an upper and a lower half of so few bits that the sums of
either are exact; then a window's are differences, at a cost that does not depend on its length.
Otherwise every window is summed separately, as `fsum` does.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from backfleet.indicators.warmup import empty_line, first_value
from backfleet.jit import compiled, inlined

__all__ = ["exact_sum", "rising_sums", "rolling_sums", "running_sums", "window_sum"]

Floats = NDArray[np.float64]
Word = int | np.int64

MAGNITUDE = 0x7FFF_FFFF_FFFF_FFFF
FRACTION_BITS = 52
INFINITE = 0x7FF
BIAS = 1023
LOWEST, HIGHEST = BIAS - 900, BIAS + 900
"""Between these (biased) exponents, scaling by a power of two neither overflows nor rounds."""

LOW_BITS = 40
"""Of two words, the lower holds this many bits of each value, the upper the others."""

TWO_WORD_BITS = LOW_BITS + FRACTION_BITS
LOW_MASK = (1 << LOW_BITS) - 1


@compiled
def running_sums(values: Floats) -> Floats:
    """Sums from the first number on, in two parts: `window_sum` is the difference of two.

    Parameters
    ----------
    values
        float64 of shape (bars,).

    Returns
    -------
    float64 of shape (2, numbers + 1), without the values that are NaN before the first number; of
    shape (2, 0) where the differences would not be exact.
    """
    start = first_value(values)
    # With `lowest` above `highest` there are only zeros, or no values.
    lowest, highest = _exponents(values, start, len(values))
    if lowest > highest or not _fit(lowest, highest, len(values) - start):
        return np.empty((2, 0))
    return _running(values[start:], _splitter(lowest, highest))


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
        # Infinity and NaN cut the values into runs of finite numbers, each with exponents of its
        # own.
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
    # Bits of a sum in units of the lowest value's last bit. A weight makes a product longer, and so
    # does the sum.
    longest = highest - lowest + FRACTION_BITS + 1 + 2 * _bits_of(period)
    if lowest < LOWEST or highest > HIGHEST or longest > TWO_WORD_BITS:
        products = np.empty(period)
        for last in range(period - 1, count):
            for weight in range(period):
                products[weight] = values[last - period + 1 + weight] * (weight + 1.0)
            sums[last] = exact_sum(products, 0, period)
        return sums
    exponent = lowest - BIAS - FRACTION_BITS
    # Powers of two, so that multiplying by them does not round
    to_units, unit = math.ldexp(1.0, int(-exponent)), math.ldexp(1.0, int(exponent))
    for last in range(period - 1, count):
        above, below = np.int64(0), np.int64(0)
        for weight in range(period):
            # Rounded here, as in backtrader, and summed exactly from here on
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
    # At most 40 doubles that do not overlap fit into the range of exponents: 2098 bits by 53.
    parts = np.empty(48)
    used = 0
    plain = 0.0
    for index in range(start, stop):
        value = values[index]
        # Only to notice infinity and NaN, which the parts cannot hold
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
    if lowest > highest:
        # There are only zeros.
        sums[start + period - 1 : stop] = 0.0
        return
    if not _fit(lowest, highest, period):
        for index in range(start + period - 1, stop):
            sums[index] = exact_sum(values, index - period + 1, index + 1)
    # The sums of a window are exact, and those from the first value on are not.
    elif not _fit(lowest, highest, stop - start):
        splitter = _splitter(lowest, highest)
        _slide(values[start:stop], period, splitter, sums[start + period - 1 : stop])
    else:
        running = _running(values[start:stop], _splitter(lowest, highest))
        windows = sums[start + period - 1 : stop]
        for index in range(len(windows)):
            windows[index] = window_sum(running, index, period)


@compiled
def _fit(lowest: Word, highest: Word, count: int) -> bool:
    """Whether the halves of this number of values sum up exactly."""
    # Bits of the longer half of a value, from the greatest value's first bit to the lowest's last
    half = (highest - lowest + FRACTION_BITS + 3) // 2
    is_scalable = lowest >= LOWEST and highest <= HIGHEST
    # The sum of the halves must fit into the 53 bits of a float.
    return bool(is_scalable and half + _bits_of(count) <= FRACTION_BITS + 1)


@compiled
def _bits_of(period: int) -> int:
    """By how many bits a sum of `period` numbers may be longer than each."""
    bits = 0
    while 1 << bits < period:
        bits += 1
    return bits


@compiled
def _splitter(lowest: Word, highest: Word) -> float:
    """What, added to a value and taken off again, leaves its upper half.

    The sum is so great that the bits of the lower half do not fit into a float any more.
    """
    unit = lowest - BIAS - FRACTION_BITS
    lower_bits = (highest - BIAS + 1 - unit) // 2
    # 1.5, so that the sum with a negative value stays in the same power of two.
    return 1.5 * math.ldexp(1.0, int(unit + lower_bits + FRACTION_BITS))


@compiled
def _running(values: Floats, splitter: float) -> Floats:
    """The sums of the upper halves, and of the lower ones, of the first 0, 1, 2, ... values."""
    count = len(values)
    running = np.empty((2, count + 1))
    running[:, 0] = 0.0
    above, below = running[0, 1:], running[1, 1:]
    total_above, total_below = 0.0, 0.0
    for index in range(count):
        # The addition rounds to multiples of the upper half's unit. Without fastmath, no compiler
        # simplifies it.
        upper = (values[index] + splitter) - splitter
        total_above += upper
        total_below += values[index] - upper
        above[index], below[index] = total_above, total_below
    return running


@inlined
def window_sum(running: Floats, start: int, period: int) -> float:
    """The sum of `period` values from `start` on: both differences are exact, and so only their sum
    is rounded."""
    above = running[0, start + period] - running[0, start]
    below = running[1, start + period] - running[1, start]
    return float(above + below)


@compiled
def _slide(values: Floats, period: int, splitter: float, sums: Floats) -> None:
    """Each window as the one before it, less its first value and with one more."""
    above, below = 0.0, 0.0
    for index in range(len(values)):
        upper = (values[index] + splitter) - splitter
        above += upper
        below += values[index] - upper
        # The value that leaves the window, split in the same way, is taken off exactly.
        if index >= period:
            upper = (values[index - period] + splitter) - splitter
            above -= upper
            below -= values[index - period] - upper
        if index >= period - 1:
            sums[index - period + 1] = above + below


@compiled
def _join(above: Word, below: Word) -> float:
    # Both terms are exact, so that only their sum is rounded.
    upper = np.float64(above + (below >> LOW_BITS)) * float(1 << LOW_BITS)
    return upper + np.float64(below & LOW_MASK)


@compiled
def _words(units: float) -> tuple[Word, Word]:
    # Rounded down, so that the lower word is never negative
    upper = np.floor(units * (1.0 / (1 << LOW_BITS)))
    return np.int64(upper), np.int64(units - upper * float(1 << LOW_BITS))


@compiled
def _grow(parts: Floats, used: int, value: float) -> int:
    """Add a value to parts that do not overlap; how many parts there are now."""
    kept = 0
    for index in range(used):
        part = parts[index]
        # The error below is exact if the first number is the greater one (Dekker 1971).
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

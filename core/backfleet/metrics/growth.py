"""Annual growth: a power in pairs of floats, whose sum has twice their digits.

The C library's pow differs in its last bit between processors; this uses additions,
multiplications and divisions only, which do not.
"""

from __future__ import annotations

import math
from decimal import Context, Decimal
from fractions import Fraction

from backfleet.jit import compiled

__all__ = ["annual_growth"]

Pair = tuple[float, float]

LN2 = (0.6931471805599453, 2.3190468138462996e-17)
DAYS_PER_YEAR = 365.25
SPLIT = 134_217_729.0
"""2**27 + 1, which parts a float into two halves that multiply without rounding (Dekker 1971)."""

LOG_TERMS, LOG_PAIRED = 13, 7
"""Terms of the series of the logarithm, and those that need more than a float's digits: the terms
after these are below 1e-32 and 1e-16 of the sum."""

EXP_TERMS, EXP_PAIRED = 26, 14
"""The same of the series of the exponential."""

STEP = 0.125
"""Distance of the numbers whose logarithms are known."""


def _pair(number: Fraction | Decimal) -> Pair:
    high = float(number)
    return high, float(Fraction(number) - Fraction(high))


ODD_RECIPROCALS = tuple(_pair(Fraction(1, 2 * term + 1)) for term in range(LOG_TERMS + 1))
"""1 / 1, 1 / 3, ...: dividing for each term would take longer than all the rest."""

INVERSE_FACTORIALS = tuple(_pair(Fraction(1, math.factorial(n))) for n in range(EXP_TERMS + 1))

LOGARITHMS = tuple(_pair(Context(prec=40).ln(Decimal(max(n, 1) * STEP))) for n in range(12))
"""Of the multiples of `STEP`, from 0.75 on those of the mantissas."""

MAX_EXPONENT = 709.79
MIN_EXPONENT = -80.0
"""Below this a power less 1 rounds to -1."""


@compiled
def annual_growth(growth: float, days: int) -> float:
    """Return growth ** (365.25 / days) - 1 as the nearest float, infinity if it exceeds all floats.

    Parameters
    ----------
    growth
        Final over initial value, above 0.
    days
        Calendar days between them, above 0.
    """
    exponent = _divide(_multiply(_logarithm(growth), (DAYS_PER_YEAR, 0.0)), (float(days), 0.0))
    # The first float of a pair is the sum rounded, so it alone decides such comparisons.
    if exponent[0] > MAX_EXPONENT:
        return math.inf
    if exponent[0] < MIN_EXPONENT:
        return -1.0
    return _power_less_one(exponent)


@compiled
def _logarithm(value: float) -> Pair:
    """Return the natural logarithm of a float."""
    # The series of atanh: log(m / c) = 2 * atanh((m - c) / (m + c)), with c close to m.
    # value = mantissa * 2 ** power with a mantissa from 0.5 to 1, doubled below √½: so the
    # logarithm of a growth near 1 is small itself, and no large terms cancel.
    mantissa, power = math.frexp(value)
    if mantissa < 0.7071067811865476:
        mantissa, power = 2.0 * mantissa, power - 1
    # The closest multiple of 1/8. It makes the ratio below 1/20, so that few terms suffice.
    near = int(mantissa / STEP + 0.5)
    ratio = _divide(_sum(mantissa, -near * STEP), _sum(mantissa, near * STEP))
    square = _multiply(ratio, ratio)
    # Horner's scheme, from the smallest term. Terms far below the sum need no second float.
    rest = 0.0
    for term in range(LOG_TERMS, LOG_PAIRED, -1):
        rest = rest * square[0] + ODD_RECIPROCALS[term][0]
    total = (rest, 0.0)
    for term in range(LOG_PAIRED, -1, -1):
        total = _add(_multiply(total, square), ODD_RECIPROCALS[term])
    total = _multiply(total, ratio)
    total = _add((2.0 * total[0], 2.0 * total[1]), LOGARITHMS[near])
    return _add(total, _multiply(LN2, (float(power), 0.0)))


@compiled
def _power_less_one(exponent: Pair) -> float:
    """Return exp(exponent) - 1."""
    # With x = k * log(2) + r, exp(x) is 2 ** k * exp(r), and a series gives exp(r) - 1.
    # Rounded to the nearest, so that |r| is at most log(2) / 2.
    power = math.floor(exponent[0] / LN2[0] + 0.5)
    rest = _add(exponent, _multiply(LN2, (-float(power), 0.0)))
    last = 0.0
    for term in range(EXP_TERMS, EXP_PAIRED, -1):
        last = last * rest[0] + INVERSE_FACTORIALS[term][0]
    total = (last, 0.0)
    for term in range(EXP_PAIRED, 0, -1):
        total = _add(_multiply(total, rest), INVERSE_FACTORIALS[term])
    # exp(r) - 1 without the 1, whose digits would push those of a small growth out.
    total = _multiply(total, rest)
    if power == 0:
        return total[0]
    # With a scale, exp(r) itself is needed, and the 1 is taken off at the end.
    scaled = _add(total, (1.0, 0.0))
    if power > 100:
        # Less 1 is nothing here, and twice the scale need not be a float.
        return scaled[0] * math.ldexp(1.0, int(power - 1)) * 2.0
    scale = math.ldexp(1.0, int(power))
    return _add((scaled[0] * scale, scaled[1] * scale), (-1.0, 0.0))[0]


@compiled
def _sum(first: float, second: float) -> Pair:
    """Return the exact sum of two floats (Knuth)."""
    total = first + second
    part = total - first
    return total, (first - (total - part)) + (second - part)


@compiled
def _product(first: float, second: float) -> Pair:
    """Return the exact product of two floats (Dekker 1971, "A floating-point technique for
    extending the available precision")."""
    # Both factors are split into halves of 26 bits, whose products are exact. A fused multiply-add
    # would do it in one step, but Python cannot be sure to have it.
    product = first * second
    scaled = SPLIT * first
    first_upper = scaled - (scaled - first)
    first_lower = first - first_upper
    scaled = SPLIT * second
    second_upper = scaled - (scaled - second)
    second_lower = second - second_upper
    cross = (first_upper * second_upper - product) + first_upper * second_lower
    return product, (cross + first_lower * second_upper) + first_lower * second_lower


@compiled
def _add(first: Pair, second: Pair) -> Pair:
    # Four times `_sum`, written out: interpreted calls take longer than what they compute.
    high = first[0] + second[0]
    part = high - first[0]
    low = (first[0] - (high - part)) + (second[0] - part)
    upper = first[1] + second[1]
    part = upper - first[1]
    lower = (first[1] - (upper - part)) + (second[1] - part)
    low += upper
    total = high + low
    part = total - high
    low = (high - (total - part)) + (low - part) + lower
    high = total + low
    part = high - total
    return high, (total - (high - part)) + (low - part)


@compiled
def _multiply(first: Pair, second: Pair) -> Pair:
    high, low = _product(first[0], second[0])
    # The product of the two low floats is below the last digit that is kept.
    low += first[0] * second[1] + first[1] * second[0]
    total = high + low
    part = total - high
    return total, (high - (total - part)) + (low - part)


@compiled
def _divide(first: Pair, second: Pair) -> Pair:
    # Long division: each step divides what the digits before have left over.
    quotient = first[0] / second[0]
    product = _multiply(second, (quotient, 0.0))
    rest = _add(first, (-product[0], -product[1]))
    correction = rest[0] / second[0]
    product = _multiply(second, (correction, 0.0))
    rest = _add(rest, (-product[0], -product[1]))
    result = _sum(quotient, correction)
    return _add(result, (rest[0] / second[0], 0.0))

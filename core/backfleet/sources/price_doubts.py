"""Checks of prices: impossible ones, jumps that look like splits, spikes, and repeated ones."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from backfleet.sources.checks import MIN_MIXED_ROWS, MIXED_SHARE, outside_range
from backfleet.sources.doubt import Doubt
from backfleet.sources.traded_bars import TradedBars, runs_of

__all__ = ["PRICE_CHECKS"]

Floats = NDArray[np.float64]

JUMP, JUMP_EVERY_DAY, JUMP_CHINA = 0.35, 0.55, 0.22
"""Least change of the close, as a logarithm: usually, in markets without weekends, and in China."""
JUMP_FACTOR, SPIKE_FACTOR = 12.0, 25.0
SPIKE = 0.35
BARS_AROUND = 30
"""Bars on each side whose median change is the usual one."""
MAX_REPORTED = 5
"""Jumps and spikes of a file that have a line each."""
CHINA_FIRST_SESSIONS = 5
CHINA_LIMITS = np.datetime64("1996-12-16", "D")

MIN_BLOCK, MAX_BLOCK_BARS = 5, 30_000
MIN_STALE_BARS, STALE_NS = 5, 3_600_000_000_000
MIN_ONE_PRICE_BARS = 20
MULTIPLIER = np.uint64(0x9E37_79B9_7F4A_7C15)
"""An odd number whose product has upper bits that differ for numbers that differ in lower ones."""
TABLE_BITS = 15
UPPER_BITS = np.uint64(64 - TABLE_BITS)
MAX_RATIO_ERROR = 0.05
"""The usual change of a day, as a logarithm, that comes on top of a split."""
RATIOS = (
    *((split, 1) for split in (2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50, 100)),
    *((3, 2), (4, 3), (5, 2), (5, 4), (7, 5)),
)


def _outside(traded: TradedBars) -> Iterator[Doubt]:
    # Nearly all files end here, and so do most of the checks below at their first condition.
    if traded.is_in_range:
        return
    raw = traded.raw
    # Again with a slack for rounding, which `is_in_range` does not have.
    outside = outside_range(raw)
    count = int(np.count_nonzero(outside))
    if not count:
        return
    bar = int(np.argmax(outside))
    share = count / len(traded)
    values = f"open {raw.open[bar]:g}, high {raw.high[bar]:g}, low {raw.low[bar]:g}, "
    text = f"the open or close is outside low and high in {count:,} of {len(traded):,} bars, first "
    text += f"on {traded.day(bar)}: {values}close {raw.close[bar]:g}"
    if share >= MIXED_SHARE and count >= MIN_MIXED_ROWS:
        text = f"adjusted and raw prices are mixed: {text}"
    yield Doubt("outside", bar, text)


def _jumps(traded: TradedBars) -> Iterator[Doubt]:
    # Markets without weekends, those of coins, move more.
    least = JUMP if traded.is_five_day else JUMP_EVERY_DAY
    lowest, highest = traded.ratio_range
    # The extremes alone show that most symbols have no jump, before an array of logarithms is made.
    is_quiet = lowest >= math.exp(-least) and highest <= math.exp(least)
    if is_quiet and not traded.is_china:
        return
    jumps = np.zeros(len(traded), np.bool_)
    for bar in np.flatnonzero(_is_beyond(traded.ratio, least)).tolist():
        # A change counts beside the usual one of its surroundings, so that wild symbols are not
        # reported all the time.
        around = np.abs(np.log(traded.ratio[_around(bar)]))
        jumps[bar] = abs(math.log(traded.ratio[bar])) > JUMP_FACTOR * np.median(around)
    if traded.is_china:
        limited = traded.session >= CHINA_LIMITS
        # New listings have no limits in their first sessions; the first bar here may be such a
        # listing.
        limited[:CHINA_FIRST_SESSIONS] = False
        jumps |= limited & _is_beyond(traded.ratio, JUMP_CHINA)
    bars = np.flatnonzero(jumps).tolist()
    for bar in bars[:MAX_REPORTED]:
        yield Doubt("jump", bar, _jump_text(traded, bar))
    if len(bars) > MAX_REPORTED:
        bar = bars[MAX_REPORTED]
        yield Doubt(
            "jump", bar, f"{len(bars) - MAX_REPORTED} more jumps, next on {traded.day(bar)}"
        )


def _is_beyond(ratio: Floats, logarithm: float) -> NDArray[np.bool_]:
    """Whether the logarithm of a ratio is that large, up or down: few are, and logarithms cost."""
    return np.asarray((ratio > math.exp(logarithm)) | (ratio < math.exp(-logarithm)))


def _around(bar: int) -> slice:
    """The bars around a bar, whose median is the usual one."""
    return slice(max(bar - BARS_AROUND, 0), bar + BARS_AROUND + 1)


def _jump_text(traded: TradedBars, bar: int) -> str:
    before, after = traded.raw.close[bar - 1], traded.raw.close[bar]
    # A split of 2 for 1 halves the close, so the inverse is the number of new shares.
    ratio = 1 / traded.ratio[bar]
    near = _near_ratio(ratio)
    looks = f", like a split of {near}" if near else ""
    text = f"jump on {traded.day(bar)}: the close goes from {before:g} to {after:g}{looks}"
    volumes = traded.volume[bar - 1 : bar + 1]
    if np.all(volumes > 0):
        text += f"; the volume is {volumes[1] / volumes[0]:.2g} times that of the bar before"
    return f"{text}; unadjusted?"


def _near_ratio(ratio: float) -> str:
    """The usual split, or reverse split, of about this ratio; empty if there is none."""
    # Both directions: consolidations are splits the other way round.
    pairs = [*RATIOS, *((base, split) for split, base in RATIOS)]
    errors = [abs(math.log(ratio * base / split)) for split, base in pairs]
    nearest = min(range(len(pairs)), key=errors.__getitem__)
    split, base = pairs[nearest]
    return f"{split} for {base}" if errors[nearest] < MAX_RATIO_ERROR else ""


def _spikes(traded: TradedBars) -> Iterator[Doubt]:
    if traded.largest_spike <= math.exp(SPIKE):
        return
    raw = traded.raw
    up = raw.high / np.maximum(raw.open, raw.close)
    down = np.minimum(raw.open, raw.close) / raw.low
    size = np.maximum(up, down)
    for bar in np.flatnonzero(size > math.exp(SPIKE))[:MAX_REPORTED].tolist():
        # At least 1: an open or close outside the range would give a negative logarithm.
        usual = float(np.median(np.log(np.maximum(size[_around(bar)], 1.0))))
        if math.log(size[bar]) > SPIKE_FACTOR * usual:
            name, price = ("high", raw.high) if up[bar] >= down[bar] else ("low", raw.low)
            values = f"{name} {price[bar]:g}, open {raw.open[bar]:g}, close {raw.close[bar]:g}"
            yield Doubt("spike", bar, f"spike on {traded.day(bar)}: {values}")


def _stale(traded: TradedBars) -> Iterator[Doubt]:
    minimum = MIN_STALE_BARS - 1
    if not traded.has_one_per_session and len(traded) > 1:
        # A thousand bars show the usual distance; the median of a long file takes long.
        step = max(int(np.median(np.diff(traded.time[:1000]))), 1)
        # An hour without a change is no surprise in minutes of a quiet symbol, but longer is.
        minimum = max(minimum, STALE_NS // step)
    close = traded.raw.close
    if np.count_nonzero(close[1:] == close[:-1]) < minimum:
        return
    # Without a volume nothing was traded, which is another doubt.
    runs = runs_of(traded.same_as_before & (traded.volume != 0), minimum)
    if runs is not None:
        bar, length = runs.longest()
        text = f"stale prices: {length + 1} bars in a row have the same open, high, low and close "
        # The run begins at the bar before, to which the first one is equal.
        yield Doubt("stale", bar - 1, f"{text}from {traded.day(bar - 1)} on")


def _one_price(traded: TradedBars) -> Iterator[Doubt]:
    flat = traded.raw.high == traded.raw.low
    if np.count_nonzero(flat) < MIN_ONE_PRICE_BARS:
        return
    # Repeated bars are reported as stale prices.
    flat &= ~traded.same_as_before
    if traded.is_china:
        flat &= traded.session >= CHINA_LIMITS
    runs = runs_of(flat, MIN_ONE_PRICE_BARS)
    if runs is not None:
        bar, length = runs.longest()
        text = f"one price per bar in {length} bars in a row from {traded.day(bar)} on: open, high "
        yield Doubt("one price", bar, f"{text}and low may be copies of the close")


def _repeated_block(traded: TradedBars) -> Iterator[Doubt]:
    """Successive bars that are equal to earlier ones: a page that was pasted twice."""
    raw, count = traded.raw, min(len(traded), MAX_BLOCK_BARS)
    if count < 2 * MIN_BLOCK:
        return
    columns = [column[:count] for column in (raw.open, raw.high, raw.low, raw.close)]
    # Nearly all files end here: equal blocks have equal closes, and few others do.
    if not _repeats(_block_numbers(columns[3].view(np.uint64))):
        return
    # A number per bar that is equal for equal prices, and from it one per block of bars.
    number = np.zeros(count, np.uint64)
    for column, weight in zip(columns, (3, 5, 7, 11), strict=True):
        # The bits of the prices, as whole numbers that wrap around. Different odd weights keep an
        # open and a close that are exchanged apart.
        number += column.view(np.uint64) * np.uint64(weight)
    blocks = _block_numbers(number)
    if not _repeats(blocks):
        return
    starts = len(blocks)
    rows = np.column_stack(columns)
    # For each block, the position of the first block with the same number.
    _, first, inverse = np.unique(blocks, return_index=True, return_inverse=True)
    earlier = first[inverse]
    for bar in np.flatnonzero(earlier < np.arange(starts)):
        # Numbers can be equal by chance, so the prices themselves are compared. A block of one
        # constant bar is reported as stale, and not here.
        before, here = rows[earlier[bar] : earlier[bar] + MIN_BLOCK], rows[bar : bar + MIN_BLOCK]
        if np.array_equal(before, here) and not np.all(here == here[0]):
            text = f"repeated block: {MIN_BLOCK} or more bars from {traded.day(int(bar))} on have "
            text += f"the prices of those from {traded.day(int(earlier[bar]))} on"
            yield Doubt("repeated block", int(bar), text)
            return


def _block_numbers(number: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return a number per block of bars that is equal for blocks of equal numbers."""
    starts = len(number) - MIN_BLOCK + 1
    blocks = number[:starts].copy()
    for offset in range(1, MIN_BLOCK):
        # A polynomial in the multiplier, as in a rolling hash: the order of the bars counts.
        blocks *= MULTIPLIER
        blocks += number[offset : starts + offset]
    return blocks


def _repeats(numbers: NDArray[np.uint64]) -> bool:
    """Whether a number is there twice.

    Only numbers whose upper bits are those of another one are sorted: each writes its position into
    a table under these bits, and where it reads another position there, it is such a number.
    """
    # The upper bits as an index, at most 2**15 - 1.
    slot = (numbers >> UPPER_BITS).view(np.int64)
    # 16 bits suffice, since MAX_BLOCK_BARS is below 2**15.
    position = np.arange(len(numbers), dtype=np.int16)
    table = np.empty(1 << TABLE_BITS, np.int16)
    # If several positions have one slot, numpy keeps the last of them.
    table[slot] = position
    last = table[slot]
    is_suspect = last != position
    # The last one of a slot finds itself, so it is marked through the others.
    is_suspect[last[is_suspect]] = True
    suspects = numbers[is_suspect]
    suspects.sort()
    return bool(np.any(suspects[1:] == suspects[:-1]))


PRICE_CHECKS = (_outside, _jumps, _spikes, _stale, _one_price, _repeated_block)

"""Checks of sessions and volumes: weekends, shifted days, missing bars, suspensions."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from backfleet.bar_length import DAY_NS
from backfleet.console import count_of
from backfleet.sources.doubt import Doubt
from backfleet.sources.traded_bars import TradedBars, runs_of

__all__ = ["SESSION_CHECKS", "longest_pause"]

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
MIN_SESSIONS = 20
SHIFTED_SHARE, RARE_SHARE = 0.15, 0.05
"""Share of weekend sessions from which days are shifted, if Fridays or Mondays are rarer."""

MIN_IDLE_BARS = 5
MAX_PAUSE_DAYS, MAX_PAUSE_DAYS_CHINA = 14, 18
"""Days between two sessions that need no gap: holidays with their weekends are shorter."""
NAMED_GAPS = 3
VOLUME_BARS, VOLUME_RATIO = 60, 50.0


def longest_pause(traded: TradedBars) -> int:
    """Return the most days between two sessions that are no gap."""
    if traded.is_every_day:
        return 1
    return MAX_PAUSE_DAYS_CHINA if traded.is_china else MAX_PAUSE_DAYS


def _weekends(traded: TradedBars) -> Iterator[Doubt]:
    if not traded.is_daily or len(traded) < MIN_SESSIONS or not traded.weekend_share:
        return
    # Element 0 is Monday, 5 and 6 are the weekend.
    share = np.bincount(traded.weekday, minlength=7) / len(traded)
    weekend = float(share[5:].sum())
    first = int(np.argmax(traded.weekday >= 5))
    # Days that are one too early turn Mondays into Sundays and leave Fridays empty; one too late,
    # the other way round.
    rare = [DAYS[day] for day in (0, 4) if share[day] < RARE_SHARE]
    if weekend >= SHIFTED_SHARE and rare:
        name = "Sunday" if share[6] >= share[5] else "Saturday"
        text = f"shifted days: {weekend:.0%} of the sessions are at the weekend ({name}, first on "
        text += f"{traded.day(first)}), and hardly one on a {rare[0]}; does data.timezone or the "
        yield Doubt("weekend", first, f"{text}meaning of the dates fit?")
    elif traded.is_five_day and weekend > 0:
        count = int(np.count_nonzero(traded.weekday >= 5))
        text = f"weekend: {count} of {len(traded):,} sessions are on a Saturday or Sunday, first on"
        yield Doubt("weekend", first, f"{text} {traded.day(first)}", is_serious=False)


def _midnights_elsewhere(traded: TradedBars) -> Iterator[Doubt]:
    """Daily bars that all have one time of day: a midnight of another zone, written in UTC."""
    # Nearly all daily bars are at midnight, and the first one says so.
    if traded.timezone != "UTC" or len(traded) < MIN_SESSIONS or not traded.time[0] % DAY_NS:
        return
    if not traded.is_daily:
        return
    # Two times, an hour apart, are a midnight with and without summer time.
    clock = np.unique(traded.time % DAY_NS)
    hours = {int(value) // (DAY_NS // 24) for value in clock}
    # Midnight in Asia is 14:00 to 16:00 in UTC on the day before, and in Europe 21:00 to 23:00.
    if len(clock) > 2 or np.any(clock % (DAY_NS // 24)) or not hours & {14, 15, 16, 21, 22, 23}:
        return
    text = f"all daily bars are at {min(hours):02}:00 in UTC, which is a midnight east of it: "
    text += "the sessions may be one day early; set data.timezone"
    yield Doubt("midnight elsewhere", 0, text)


def _volumes(traded: TradedBars) -> Iterator[Doubt]:
    if traded.has_volume:
        return
    volume = traded.volume
    missing = np.isnan(volume)
    if missing.all() or not volume.any():
        word = "unknown" if missing.all() else "zero"
        yield Doubt("volume", 0, f"no volume: it is {word} in all bars", is_serious=False)
        return
    if missing.any():
        bar, count = int(np.argmax(missing)), int(np.count_nonzero(missing))
        text = f"the volume is missing in {count_of(count, 'bar')}, first on {traded.day(bar)}"
        yield Doubt("volume", bar, text, is_serious=False)
    # A doubt, not a note: a number of shares cannot be negative.
    negative = volume < 0
    if negative.any():
        bar = int(np.argmax(negative))
        text = f"negative volume {volume[bar]:g} on {traded.day(bar)}, "
        yield Doubt("volume", bar, f"{text}in {count_of(int(np.count_nonzero(negative)), 'bar')}")


def _idle(traded: TradedBars) -> Iterator[Doubt]:
    """Flat bars in a row without a volume: suspensions or closed hours that would trade."""
    volume = traded.volume
    # Without any volume every flat bar would count, and `_volumes` has reported that already.
    if traded.has_volume or not volume.any() or np.isnan(volume).all():
        return
    no_volume = (volume == 0) | np.isnan(volume)
    flat = (traded.raw.high == traded.raw.low) & no_volume
    runs = runs_of(flat, MIN_IDLE_BARS)
    if runs is None:
        return
    bar, length = runs.longest()
    what = "suspended days" if traded.is_daily else "closed hours"
    text = (
        f"{what} would trade: {int(runs.length.sum()):,} flat bars without a volume, the longest "
    )
    text += f"run {length} bars from {traded.day(bar)} on; say with the option tradable which bars "
    yield Doubt("idle", bar, f"{text}could be traded, or leave them out")


def _gaps(traded: TradedBars) -> Iterator[Doubt]:
    if not traded.is_daily or len(traded) < MIN_SESSIONS:
        return
    days = traded.pauses
    # `longest_pause` is in days from one session to the next, as `pauses` is.
    if days.max() <= longest_pause(traded):
        return
    gaps = np.flatnonzero(days > longest_pause(traded))
    longest = sorted(gaps, key=lambda gap: -int(days[gap]))[:NAMED_GAPS]
    spans = ", ".join(
        f"{count_of(int(days[gap]) - 1, 'day')} after {traded.session[gap]}"
        for gap in map(int, longest)
    )
    text = f"{count_of(len(gaps), 'gap')} between sessions: {spans}"
    yield Doubt("gap", int(longest[0]) + 1, text, is_serious=False)


def _missing_bars(traded: TradedBars) -> Iterator[Doubt]:
    """Missing bars of a market that never closes."""
    if traded.has_one_per_session or not traded.is_every_day or len(traded) < MIN_SESSIONS:
        return
    steps = np.diff(traded.time)
    # The length of a bar: most distances are no gaps.
    step = int(np.median(steps))
    gaps = np.flatnonzero(steps > step)
    if step <= 0 or not len(gaps):
        return
    missing = int((steps[gaps] // step - 1).sum())
    longest = sorted(gaps, key=lambda gap: -int(steps[gap]))[:NAMED_GAPS]
    places = ", ".join(
        f"{steps[gap] // step - 1} after {traded.day(gap)}" for gap in map(int, longest)
    )
    text = f"missing: {count_of(missing, 'bar')} in {count_of(len(gaps), 'place')}: {places}"
    yield Doubt("missing bars", int(longest[0]) + 1, text, is_serious=False)


def _volume_scale(traded: TradedBars) -> Iterator[Doubt]:
    """A level of volume that changes for good, as where lots and shares are joined."""
    count = len(traded) // VOLUME_BARS
    if not traded.is_daily or count < 2:
        return
    # Rows of 60 bars, about three months each; the bars after the last full block are left out.
    blocks = traded.volume[: count * VOLUME_BARS].reshape(count, VOLUME_BARS)
    # A block without volume divides by zero. Its ratio is infinite or NaN, and `known` leaves it
    # out.
    with np.errstate(divide="ignore", invalid="ignore"):
        sums = np.add.reduce(blocks, axis=1)
        ratio = sums[1:] / sums[:-1]
    # A median that changes by so much changes the sum, which is computed sooner.
    if not np.any((ratio > VOLUME_RATIO / 5) | (ratio < 5 / VOLUME_RATIO)):
        return
    medians = np.median(blocks, axis=1)
    # False for NaN, too: a block with a missing volume has no level.
    known = medians > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = medians[1:] / medians[:-1]
    wrong = known[1:] & known[:-1] & ((ratio > VOLUME_RATIO) | (ratio < 1 / VOLUME_RATIO))
    if wrong.any():
        block = int(np.argmax(wrong))
        bar = (block + 1) * VOLUME_BARS
        text = f"the volume is {ratio[block]:.3g} times as large from about {traded.day(bar)} on: "
        yield Doubt("volume scale", bar, f"{text}lots joined with shares?", is_serious=False)


SESSION_CHECKS = (
    _weekends,
    _midnights_elsewhere,
    _volumes,
    _idle,
    _gaps,
    _missing_bars,
    _volume_scale,
)

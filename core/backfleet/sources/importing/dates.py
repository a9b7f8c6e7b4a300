"""Dates and times as vendors write them, to nanoseconds since 1970 as the clock showed them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from backfleet.bar_length import DAY_NS

__all__ = ["DateForm", "Stamps", "descends", "find_forms", "is_date", "join_time", "read_dates"]

SECOND_NS = 1_000_000_000
UNITS = {"s": SECOND_NS, "ms": 1_000_000, "us": 1_000, "ns": 1}
LIMITS = ((10**11, "s"), (10**14, "ms"), (10**17, "us"), (10**20, "ns"))
"""An epoch below a limit has its unit: 10**11 seconds are in the year 5138, and 10**11 milliseconds
in 1973."""

MIN_EPOCH = 10**8
"""Smaller numbers are no epochs. As seconds, this is in 1973."""

YEARS = (1700, 2261)
MIN_ROC = 76
"""The first year of Taiwan, 1987, in which its files are on record."""

MONTHS = {
    **{name: place for place, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )},
    "mär": 3, "mrz": 3, "mai": 5, "okt": 10, "dez": 12,
}  # fmt: skip

# The parts of the patterns below, in the syntax of RE2, which arrow uses: no look-around, and `\pL`
# for letters. Named groups become the fields of a struct.
_WEEKDAY = r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*[, ]+)?"
_TIME = (
    r"(?:(?:[T ,]+|, ?)(?P<h>\d{1,2})(?::?(?P<mi>\d{2})"
    r"(?::?(?P<s>\d{2})(?:[.,:](?P<f>\d{1,9}))?)?)?"
    r"(?:[ -]?(?P<ap>[AaPp])\.?[Mm]\.?)?)?T?"
)
_ZONE = r"(?: ?(?P<z>Z|(?:GMT|UTC) ?[+-]\d{2}:?\d{2}|[+-]\d{2}(?::?\d{2})?|GMT|UTC))?"
_END = r"(?:[,\s]*(?:周|星期)?[一二三四五六日])?"
_YEAR = r"(?P<y>\d{4}|\d{2})"
_DAY = r"(?P<d>\d{1,2})(?:st|nd|rd|th)?"
_NAME = r"(?P<mo>\pL{3,9})"
_DATES = {
    "ymd": r"(?P<y>\d{4})[-/.年](?P<mo>\d{1,2})[-/.月](?P<d>\d{1,2})日?",
    "compact": r"(?P<y>\d{4})(?P<mo>\d{2})(?P<d>\d{2})",
    "dmy": rf"(?P<d>\d{{1,2}})[-/. ](?P<mo>\d{{1,2}})[-/. ]{_YEAR}",
    "mdy": rf"(?P<mo>\d{{1,2}})[-/. ](?P<d>\d{{1,2}})[-/. ]{_YEAR}",
    "yymd": r"(?P<y>\d{2})[-/.](?P<mo>\d{1,2})[-/.](?P<d>\d{1,2})",
    "roc": r"(?P<y>\d{2,3})[-/.](?P<mo>\d{1,2})[-/.](?P<d>\d{1,2})",
    "dmony": rf"{_DAY}[- /.]*{_NAME}\.?[- /.,]*{_YEAR}",
    "mondy": rf"{_NAME}\.?[- ]*{_DAY},?[- ]+{_YEAR}",
    "ymond": rf"(?P<y>\d{{4}})[- /]{_NAME}[- /](?P<d>\d{{1,2}})",
}
_PATTERNS = {
    order: rf"^\s*{_WEEKDAY}{date}{_TIME}{_ZONE}{_END}\s*$" for order, date in _DATES.items()
}
_DATE = re.compile(
    r"\s*(\d{4}[-/.年]\d{1,2}[-/.月]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}|(19|20)\d{6}\b"
    r"|\d{1,2}[- ][A-Za-z]{3,9}[-, ]+\d{2,4}|[A-Za-z]{3,9}\.? \d{1,2},? \d{4})"
)


@dataclass(frozen=True)
class DateForm:
    """One way to read a column of dates.

    Attributes
    ----------
    kind
        `typed`, `epoch`, `digits` (20240102…), `format`, `serial` (days of a spreadsheet), `dayms`
        (milliseconds of a day that the path names), or an order of year, month and day.
    detail
        The unit of an epoch, or the format of `strptime`.
    """

    kind: str
    detail: str | None = None

    @property
    def words(self) -> str:
        """The name of the form in messages."""
        return {
            "dmy": "day first",
            "mdy": "month first",
            "yymd": "year first, two digits",
            "roc": "years of Taiwan, such as 113 for 2024",
            "epoch": f"epoch in {self.detail}" if self.detail else "epoch",
            "serial": "days of a spreadsheet since 1899-12-30",
            "format": self.detail or "",
            "ymd": "year-month-day",
            "digits": "20240131",
            "dmony": "31 Jan 2024",
            "mondy": "Jan 31, 2024",
            "ymond": "2024-Jan-31",
            "typed": f"days of the years {YEARS[0]} to {YEARS[1] - 1}",
        }.get(self.kind, self.kind)


@dataclass(frozen=True, eq=False)
class Stamps:
    """Times of rows.

    Attributes
    ----------
    wall
        int64, nanoseconds since 1970 as the clock of the file showed them.
    offset
        int64, nanoseconds that this clock is ahead of UTC; None if the file does not say.
    valid
        bool; false where a value is missing or does not have the form.
    """

    wall: NDArray[np.int64]
    offset: NDArray[np.int64] | None
    valid: NDArray[np.bool_]


def is_date(text: str) -> bool:
    """Whether a cell looks like a date with a year."""
    return bool(_DATE.match(text))


def find_forms(column: Any) -> list[DateForm]:
    """Return every way in which all values of a column are dates."""
    kind = column.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return [DateForm("typed")]
    if pa.types.is_nested(kind):
        return []
    # Digits can be dates or epochs, so only these two forms are tried. Days of a spreadsheet have
    # to be stated, because a volume looks like them.
    numbers = _digits(column)
    if numbers is not None:
        return [form for form in _number_forms() if bool(read_dates(column, form).valid.all())]
    text = column.cast(pa.string())
    # Year first in full needs no other form, and arrow reads it fastest.
    if _iso(text) is not None:
        return [DateForm("ymd")]
    forms = (DateForm(order) for order in _DATES)
    return [form for form in forms if bool(read_dates(text, form).valid.all())]


def descends(column: Any) -> bool:
    """Whether the first of some dates is the newest."""
    wall = read_dates(column, find_forms(column)[0]).wall
    return bool(wall[0] > wall[-1])


def _number_forms() -> list[DateForm]:
    return [DateForm("digits"), DateForm("epoch")]


def join_time(date: Any, time: Any) -> Any:
    """Return dates and times of day, which are columns of their own, as one column of text."""
    day = date.cast(pa.string())
    clock = pc.utf8_trim_whitespace(time.cast(pa.string()))
    # Times as numbers, without colons.
    plain = pc.match_substring_regex(clock, r"^\d{1,6}$")
    if bool(pc.all(plain).as_py()):
        # 931 is 09:31 and 93100 is 09:31:00; a spreadsheet drops the zero in front.
        longest = pc.max(pc.utf8_length(clock)).as_py() or 0
        digits = 4 if longest <= 4 else 6
        clock = pc.utf8_lpad(clock, digits, "0")
        parts = pc.extract_regex(clock, r"^(?P<h>\d{2})(?P<m>\d{2})(?P<s>\d{2})?$")
        second = pc.struct_field(parts, "s")
        second = pc.if_else(pc.equal(second, ""), "00", second)
        fields = [pc.struct_field(parts, "h"), pc.struct_field(parts, "m"), second]
        clock = pc.binary_join_element_wise(*fields, ":")
    # A column of numbers with a missing value is read as floats, which adds the `.0`.
    day = pc.replace_substring_regex(day, r"\.0$", "")
    # The midnight of a date that was typed as a timestamp gives way to the time in its own column.
    day = pc.replace_substring_regex(day, r"[ T]00:00(:00)?(\.0+)?$", "")
    return pc.binary_join_element_wise(day, clock, " ")


def read_dates(column: Any, form: DateForm) -> Stamps:
    """Read a column in one form."""
    match form.kind:
        case "typed":
            return _typed(column)
        case "digits" | "epoch" | "serial" | "dayms":
            numbers = _digits(column)
            if numbers is None:
                return _none(len(column))
            return _from_digits(numbers) if form.kind == "digits" else _epoch(numbers, form)
        case "format":
            return _formatted(column, form.detail or "")
    text = column.cast(pa.string())
    iso = _iso(text) if form.kind == "ymd" else None
    return _parts(text, form.kind) if iso is None else iso


def _iso(text: Any) -> Stamps | None:
    """Return ISO 8601 times without an offset, or with Z, by arrow's fast reader; else None."""
    count = len(text)
    if not count or text.null_count:
        return None
    # All or none: arrow reads a text with Z only into a type with a zone, and one without only into
    # a type without.
    is_utc = bool(pc.all(pc.ends_with(text, "Z")).as_py())
    try:
        stamps = text.cast(pa.timestamp("ns", "UTC" if is_utc else None))
    except pa.ArrowInvalid:
        return None
    offset = np.zeros(count, np.int64) if is_utc else None
    return Stamps(_integers(stamps), offset, np.ones(count, dtype=np.bool_))


def _none(count: int) -> Stamps:
    return Stamps(np.zeros(count, np.int64), None, np.zeros(count, dtype=np.bool_))


def _typed(column: Any) -> Stamps:
    zone = getattr(column.type, "tz", None)
    try:
        stamps = column.cast(pa.timestamp("ns", zone))
    except pa.ArrowInvalid:
        # Coarser units hold years that nanoseconds do not, such as 9999 for a day without an end.
        second = column.cast(pa.timestamp("s", zone), safe=False).cast(pa.int64())
        first, last = (int(np.datetime64(f"{year}-01-01", "s").astype(int)) for year in YEARS)
        inside = pc.and_(pc.greater_equal(second, first), pc.less(second, last))
        column = pc.if_else(inside, column, None)
        stamps = column.cast(pa.timestamp("ns", zone))
    valid = np.asarray(pc.is_valid(column).to_numpy(zero_copy_only=False), dtype=np.bool_)
    utc = _integers(stamps)
    if zone is None:
        return Stamps(utc, None, valid)
    # Arrow keeps moments in UTC. The clock of the zone and its distance to UTC are what texts with
    # an offset give, too.
    wall = _integers(pc.local_timestamp(stamps))
    return Stamps(wall, wall - utc, valid)


def _integers(column: Any) -> NDArray[np.int64]:
    plain = column.cast(pa.int64())
    return np.array(pc.fill_null(plain, 0).to_numpy(zero_copy_only=False), dtype=np.int64)


def _digits(column: Any) -> Any:
    """Return a column of whole numbers, or of seconds with a fraction, as an arrow array."""
    kind = column.type
    if pa.types.is_integer(kind):
        return column.cast(pa.int64())
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return column.cast(pa.float64())
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return None
    text = pc.utf8_trim_whitespace(column)
    text = pc.if_else(pc.equal(text, ""), None, text)
    try:
        # Whole numbers first: as floats, nanoseconds since 1970 would lose their last digits.
        return pc.replace_substring_regex(text, r"\.0*$", "").cast(pa.int64())
    except pa.ArrowInvalid:
        pass
    try:
        return text.cast(pa.float64())
    except pa.ArrowInvalid:
        return None


def _numbers(column: Any) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    valid = np.asarray(pc.is_valid(column).to_numpy(zero_copy_only=False), dtype=np.bool_)
    values = np.asarray(pc.fill_null(column, 0).to_numpy(zero_copy_only=False))
    if values.dtype == np.float64:
        valid = valid & np.isfinite(values)
        values = np.where(valid, values, 0)
        # Whole floats up to 2**62 become int64, in which the scales below multiply exactly.
        if np.all(values == np.floor(values)) and np.all(np.abs(values) < 2**62):
            values = values.astype(np.int64)
    return values, valid


def _from_digits(column: Any) -> Stamps:
    """Read 20240102 and 202401020930[00[000]]."""
    numbers, valid = _numbers(column)
    # A fraction, which no date of digits has.
    if numbers.dtype != np.int64:
        return _none(len(numbers))
    rest = np.zeros(len(numbers), np.int64)
    day = numbers.copy()
    # The number of digits says which parts there are: 8 for a date, 12 with minutes, 14 with
    # seconds, 17 with milliseconds.
    length = np.char.str_len(numbers.astype("U20")) if len(numbers) else rest
    fields = [np.zeros(len(numbers), np.int64) for _ in range(3)]
    milliseconds = rest.copy()
    for digits in (12, 14, 17):
        here = length == digits
        # Brought to 14 digits: milliseconds cut off, missing seconds added as zeros.
        tail = numbers // 10 ** max(digits - 14, 0)
        if digits == 17:
            milliseconds = np.where(here, numbers % 1000, milliseconds)
        tail = tail * 100 if digits == 12 else tail
        day = np.where(here, tail // 10**6, day)
        for place, field in enumerate(fields):
            # Hour, minute and second are the digits at 10**4, 10**2 and 10**0.
            field[:] = np.where(here, tail // 10 ** (4 - 2 * place) % 100, field)
    valid = valid & np.isin(length, (8, 12, 14, 17))
    year, month, dom = day // 10_000, day // 100 % 100, day % 100
    days, sound = _days(year, month, dom)
    hour, minute, second = fields
    # Narrower than `YEARS`, because any column of numbers with eight digits can come here.
    valid = valid & sound & (year >= 1900) & (year < 2100)
    valid &= (hour < 24) & (minute < 60) & (second < 60)
    wall = (
        days * DAY_NS + ((hour * 60 + minute) * 60 + second) * SECOND_NS + milliseconds * 1_000_000
    )
    return Stamps(np.where(valid, wall, 0), None, valid)


def _epoch(column: Any, form: DateForm) -> Stamps:
    numbers, valid = _numbers(column)
    if form.kind == "serial":
        # Spreadsheets count days from 1899-12-30, which is 25,569 days before 1970. Times are
        # fractions of a day, which are not exact, so they are rounded to seconds.
        wall = np.round((numbers - 25_569) * 86_400).astype(np.int64) * SECOND_NS
        return Stamps(wall, None, valid & (numbers > 10_000) & (numbers < 80_000))
    if form.kind == "dayms":
        return Stamps(np.asarray(numbers, np.int64) * 1_000_000, None, valid)
    if form.detail:
        scales = np.full(len(numbers), UNITS[form.detail], np.int64)
    else:
        scales = np.ones(len(numbers), np.int64)
        size = np.abs(numbers)
        valid = valid & (size >= MIN_EPOCH) & (size < float(LIMITS[-1][0]))
        # From the largest limit down, so that the smallest limit above a number decides. Row by
        # row: Binance changed its files from milliseconds to microseconds.
        for limit, unit in reversed(LIMITS):
            scales = np.where(size < float(limit), UNITS[unit], scales)
    if numbers.dtype == np.int64:
        utc = np.where(valid, numbers, 0) * scales
    else:
        # Numbers that are no times can be too large for one.
        valid = valid & (np.abs(numbers) * scales < float(2**63))
        utc = np.round(np.where(valid, numbers, 0) * scales).astype(np.int64)
    return Stamps(utc, np.zeros(len(utc), np.int64), valid)


def epoch_units(column: Any) -> list[tuple[int, str]]:
    """Return the units of a column of epochs, each with the row at which it begins."""
    numbers, _ = _numbers(_digits(column))
    size = np.abs(numbers)
    kinds = np.searchsorted(np.array([limit for limit, _ in LIMITS], dtype=np.float64), size)
    starts = [0, *(np.flatnonzero(np.diff(kinds)) + 1)] if len(kinds) else []
    return [(int(row), LIMITS[min(int(kinds[row]), 3)][1]) for row in starts]


def _days(
    year: NDArray[np.int64], month: NDArray[np.int64], day: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return days since 1970 and whether each date exists."""
    # The range is checked before numpy converts, which overflows without a word.
    sound = (year >= YEARS[0]) & (year <= YEARS[1]) & (month >= 1) & (month <= 12) & (day >= 1)
    months = np.where(sound, (year - 1970) * 12 + month - 1, 0)
    # The first days of each month and of the next one. A day beyond their distance does not exist.
    first = months.astype("M8[M]").astype("M8[D]").astype(np.int64)
    after = (months + 1).astype("M8[M]").astype("M8[D]").astype(np.int64)
    sound = sound & (day <= after - first)
    return np.where(sound, first + day - 1, 0), sound


def _parts(text: Any, order: str) -> Stamps:
    text = _with_two_digits(text)
    # A row that does not match is null. A group that is absent in a match is an empty text.
    parts = pc.extract_regex(text, _PATTERNS[order])
    valid = np.asarray(pc.is_valid(parts).to_numpy(zero_copy_only=False), dtype=np.bool_)
    if not valid.any():
        return _none(len(text))
    year = _field(parts, "y")
    if order == "roc":
        valid = valid & (year >= MIN_ROC)
        year = year + 1911
    else:
        # Two digits are read as POSIX reads them. The length of the text tells: 0069 has four.
        two = _lengths(parts, "y") == 2
        year = np.where(two, np.where(year >= 69, 1900 + year, 2000 + year), year)
    month = _months(parts) if order in ("dmony", "mondy", "ymond") else _field(parts, "mo")
    days, sound = _days(year, month, _field(parts, "d"))
    hour, minute, second = (_field(parts, name) for name in ("h", "mi", "s"))
    half = pc.utf8_lower(pc.struct_field(parts, "ap"))
    has_half, afternoon = ~_equal(half, ""), _equal(half, "p")
    # 12 AM is 0:00 and 12 PM is 12:00.
    hour = np.where(has_half, hour % 12 + np.where(afternoon, 12, 0), hour)
    fraction = _fraction(parts)
    valid = valid & sound & (hour < 24) & (minute < 60) & (second < 60)
    wall = days * DAY_NS + ((hour * 60 + minute) * 60 + second) * SECOND_NS + fraction
    offset, has_zone = _offsets(parts)
    mixed = bool(has_zone.any()) and not bool(has_zone[valid].all())
    if mixed:
        # A row without the offset that others have is no time that can be placed.
        valid = valid & has_zone
    return Stamps(np.where(valid, wall, 0), offset if has_zone.any() else None, valid)


_ONE_DIGIT = r":(\d)(:|[.,]\d|\s|[A-Za-z]|$)"


def _with_two_digits(text: Any) -> Any:
    """Return times such as 9:5:0 as 9:05:00."""
    if not pc.any(pc.match_substring_regex(text, _ONE_DIGIT)).as_py():
        return text
    # Neighbors share a colon, so that one pass replaces only the first.
    for _ in range(2):
        text = pc.replace_substring_regex(text, _ONE_DIGIT, r":0\1\2")
    return text


def _field(parts: Any, name: str) -> NDArray[np.int64]:
    text = pc.struct_field(parts, name)
    text = pc.if_else(pc.equal(text, ""), "0", text)
    return np.array(pc.fill_null(text, "0").cast(pa.int64()).to_numpy(), dtype=np.int64)


def _lengths(parts: Any, name: str) -> NDArray[np.int64]:
    lengths = pc.fill_null(pc.utf8_length(pc.struct_field(parts, name)), 0)
    return np.asarray(lengths.to_numpy(), dtype=np.int64)


def _equal(text: Any, word: str) -> NDArray[np.bool_]:
    equal = pc.fill_null(pc.equal(text, word), word == "")
    return np.asarray(equal.to_numpy(zero_copy_only=False), dtype=np.bool_)


def _months(parts: Any) -> NDArray[np.int64]:
    names = pc.utf8_lower(pc.utf8_slice_codeunits(pc.struct_field(parts, "mo"), 0, 3))
    # Unknown names get the position -1, which is the 0 at the end of the values: no month, hence no
    # date.
    place = pc.fill_null(pc.index_in(names, pa.array(list(MONTHS), pa.string())), -1)
    values = np.array([*MONTHS.values(), 0], dtype=np.int64)
    return values[np.asarray(place.to_numpy(), dtype=np.int64)]


def _fraction(parts: Any) -> NDArray[np.int64]:
    # Nine digits are nanoseconds: `.5` is 500,000,000 of them.
    text = pc.utf8_rpad(pc.struct_field(parts, "f"), 9, "0")
    return np.array(pc.fill_null(text, "0").cast(pa.int64()).to_numpy(), dtype=np.int64)


def _offsets(parts: Any) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    text = pc.replace_substring_regex(pc.struct_field(parts, "z"), "^(GMT|UTC) ?|Z", "")
    fields = pc.extract_regex(text, r"^(?P<g>[+-]?)(?P<h>\d{2})?:?(?P<m>\d{2})?$")
    minutes = _field(fields, "h") * 60 + _field(fields, "m")
    sign = np.where(_equal(pc.struct_field(fields, "g"), "-"), -1, 1)
    return sign * minutes * 60 * SECOND_NS, ~_equal(pc.struct_field(parts, "z"), "")


def _formatted(column: Any, form: str) -> Stamps:
    # `strptime` is slow, and dates occur often in long files, so each distinct text is read once.
    encoded = column.cast(pa.string()).dictionary_encode()
    values = [_strptime(text, form) for text in encoded.dictionary.to_pylist()]
    # One element more than there are texts: missing values have the index -1, which takes the last.
    walls = np.array([value[0] if value else 0 for value in values] + [0], dtype=np.int64)
    offsets = np.array(
        [value[1] if value and value[1] is not None else 0 for value in values] + [0], np.int64
    )
    sound = np.array([value is not None for value in values] + [False])
    index = np.asarray(pc.fill_null(encoded.indices, -1).to_numpy(), dtype=np.int64)
    zoned = any(value and value[1] is not None for value in values)
    return Stamps(walls[index], offsets[index] if zoned else None, sound[index])


def _strptime(text: str, form: str) -> tuple[int, int | None] | None:
    try:
        moment = datetime.strptime(text.strip(), form)
    except ValueError:
        return None
    if not YEARS[0] <= moment.year <= YEARS[1]:
        return None
    wall = (moment.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(
        microseconds=1
    )
    shift = moment.utcoffset()
    return wall * 1000, None if shift is None else round(shift.total_seconds()) * SECOND_NS

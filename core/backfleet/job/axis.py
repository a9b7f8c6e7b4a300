"""An axis: all values that a job's `[params]` gives to one parameter.

Everything is computed in decimals, so that steps come out clean (0.3, not 0.30000000000000004) and
every processor gives the same bits.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from typing import Any

from backfleet.errors import JobError
from backfleet.job.job_errors import invalid_value, suggestion
from backfleet.job.parameter import Parameter, Value

__all__ = ["MAX_VALUES", "axis_values"]

MAX_VALUES = 100_000
"""The most values of one parameter."""

# Sums and products of floats need up to 17 digits at each end of 10^-324 to 10^308: with 800 they
# are exact, and a quotient is as good as exact.
EXACT = Context(prec=800, Emax=MAX_EMAX, Emin=MIN_EMIN)
# Logarithms and powers are correctly rounded to 50 digits; a float keeps 17.
LOGARITHMS = Context(prec=50, Emax=MAX_EMAX, Emin=MIN_EMIN)


def axis_values(parameter: Parameter, spec: object) -> tuple[Value, ...]:
    """The values of one parameter, each in the parameter's type.

    Parameters
    ----------
    spec
        A scalar; a list of values; `{start, stop, step}`, stop inclusive; `{low, high, count}`
        with an optional `log`, both ends inclusive, evenly spaced or evenly spaced in logarithm; or
        `{value}`, one value that may be a list. For an int parameter, only values that are evenly
        spaced in logarithm are rounded.

    Raises
    ------
    JobError
        With the path of the key, for no values, equal values, or more than `MAX_VALUES`.
    """
    key = f"params.{parameter.name}"
    if isinstance(spec, Mapping):
        values = _FORMS[_form(spec, key)](_Table(parameter, key, spec))
    elif isinstance(spec, (list, tuple)):
        _refuse_size(len(spec), key, spec)
        values = [parameter.coerce(value, f"{key}[{i}]") for i, value in enumerate(spec)]
    else:
        values = [parameter.coerce(spec)]
    # Types first: 1 and 1.0 are two values only until both are fractions.
    return _distinct(_of_one_type(values, key), key)


@dataclass(frozen=True)
class _Table:
    """A spec that is a table, with what it belongs to."""

    parameter: Parameter
    key: str
    spec: Mapping[str, Any]

    def number(self, name: str) -> Decimal:
        value = self.spec[name]
        # A bool is an int to Python. NaN compares false with everything, so only `not ... <=`
        # refuses it.
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_number or not abs(value) <= sys.float_info.max:
            raise self.refuse(name, "must be a finite number")
        # The shortest text of a float is the number that the user wrote: 0.1 is one tenth here.
        return Decimal(repr(value))

    def refuse(self, name: str, reason: str) -> JobError:
        return invalid_value(f"{self.key}.{name}", self.spec[name], reason)


def _form(spec: Mapping[str, Any], key: str) -> str:
    """Return the form of a table, by the keys that it shares with each form. Raises JobError."""
    # The likeliest form, so that a wrong or missing key is reported against what was meant.
    form = max(_KEYS, key=lambda name: len(spec.keys() & set(_KEYS[name])))
    known = _KEYS[form]
    unknown = [name for name in spec if name not in known]
    missing = [name for name in known if name not in spec and name != "log"]
    if unknown or not spec:
        wrong = f", not {unknown[0]!r}{suggestion(unknown[0], known)}" if unknown else ""
        forms = "{start, stop, step}, {low, high, log, count} or {value}"
        raise invalid_value(key, spec, f"takes {forms}{wrong}")
    if missing:
        raise invalid_value(key, spec, f"{' and '.join(missing)} missing")
    return form


def _one_value(table: _Table) -> list[Value]:
    return [table.parameter.coerce(table.spec["value"], f"{table.key}.value")]


def _steps(table: _Table) -> list[Value]:
    start, stop, step = (table.number(name) for name in ("start", "stop", "step"))
    if not step:
        raise table.refuse("step", "must not be zero")
    steps = EXACT.divide(EXACT.subtract(stop, start), step)
    if steps < 0:
        raise table.refuse("step", "has the wrong sign, so that the range has no values")
    # int() drops a last step that is not whole: `stop` is a value only if the steps reach it.
    count = int(steps) + 1
    # Before any value is computed: a tiny step can ask for 10^300 of them.
    _refuse_size(count, table.key, table.spec)
    # Decides the type only for a parameter of kind "any"; others coerce the values anyway.
    whole = all(isinstance(value, int) for value in table.spec.values())
    values = (EXACT.add(start, EXACT.multiply(step, Decimal(i))) for i in range(count))
    return [table.parameter.coerce(int(v) if whole else float(v), table.key) for v in values]


def _between(table: _Table) -> list[Value]:
    low, high, count = table.number("low"), table.number("high"), table.spec["count"]
    log = table.spec.get("log", False)
    if not isinstance(log, bool):
        raise table.refuse("log", "must be true or false")
    if isinstance(count, bool) or not isinstance(count, int) or count < 2:
        raise table.refuse("count", "must be a whole number of at least 2; both ends are counted")
    _refuse_size(count, table.key, table.spec)
    if low >= high:
        raise table.refuse("low", "must be less than high")
    if log and low <= 0:
        raise table.refuse("low", "must be positive with log = true")
    is_int = table.parameter.kind == "int"
    if is_int:
        _check_whole(table, low, high, log)
    inner = (_logarithmic if log else _linear)(low, high, count)
    to_number = _nearest_whole if is_int else float
    # The ends are taken as they were written: exp(ln(x)) can differ from x in the last digit.
    values = [table.parameter.coerce(to_number(v), table.key) for v in [low, *inner, high]]
    if is_int and len(set(map(str, values))) < count:
        raise table.refuse("count", "gives some whole numbers more than once; use a smaller count")
    return values


def _check_whole(table: _Table, low: Decimal, high: Decimal, log: bool) -> None:
    """Raise JobError unless the ends of a scale are whole and, on a linear one, all values are."""
    for end in ("low", "high"):
        table.parameter.coerce(table.spec[end], f"{table.key}.{end}")
    span, steps = int(high) - int(low), table.spec["count"] - 1
    # Between powers of a factor hardly any whole numbers lie, so a logarithmic scale is rounded.
    if log or span % steps == 0:
        return
    fits = [n + 1 for n in range(1, min(span, MAX_VALUES - 1) + 1) if span % n == 0]
    nearest = [max(n for n in fits if n <= steps), *[n for n in fits if n > steps][:1]]
    counts = " or ".join(map(str, nearest))
    raise table.refuse(
        "count",
        f"gives steps of {span / steps:g}, and the values of an int parameter are not rounded; use "
        f"count = {counts}",
    )


def _linear(low: Decimal, high: Decimal, count: int) -> list[Decimal]:
    """The points between the ends: (low (n - i) + high i) / n, with n = count - 1."""
    n = count - 1
    return [
        # The division comes last, so it is the only operation that can round.
        EXACT.divide(
            EXACT.add(EXACT.multiply(low, Decimal(n - i)), EXACT.multiply(high, Decimal(i))),
            Decimal(n),
        )
        for i in range(1, n)
    ]


def _logarithmic(low: Decimal, high: Decimal, count: int) -> list[Decimal]:
    """The points between the ends, each a constant factor from the next."""
    first, last = LOGARITHMS.ln(low), LOGARITHMS.ln(high)
    return [LOGARITHMS.exp(exponent) for exponent in _linear(first, last, count)]


def _nearest_whole(value: Decimal) -> int:
    # The context rounds halves to the even neighbor, as Python's round() does.
    return int(EXACT.to_integral_value(value))


def _refuse_size(count: int, key: str, spec: object) -> None:
    if not count:
        raise invalid_value(key, spec, "has no values")
    if count > MAX_VALUES:
        raise invalid_value(key, spec, f"has {count:,} values; at most {MAX_VALUES:,} are taken")


def _of_one_type(values: Sequence[Value], key: str) -> list[Value]:
    """Whole numbers beside fractions become fractions; text beside numbers is refused.

    Only a parameter of kind "any" can mix them, and a column of results holds one type.
    """
    # None goes with any type: it is a null in the column.
    types = {type(value) for value in values if value is not None}
    if types == {int, float}:
        return [float(value) if isinstance(value, int) else value for value in values]
    if len(types) > 1:
        raise invalid_value(key, list(values), "mixes types; give all values one type")
    return list(values)


def _distinct(values: Sequence[Value], key: str) -> tuple[Value, ...]:
    seen: set[str] = set()
    for value in values:
        # JSON tells 1, 1.0 and true apart, which are equal to Python, and lists cannot be hashed.
        text = json.dumps(value)
        if text in seen:
            raise invalid_value(key, value, "is listed twice; list each value once")
        seen.add(text)
    return tuple(values)


_KEYS = {
    "steps": ("start", "stop", "step"),
    "between": ("low", "high", "log", "count"),
    "one value": ("value",),
}
_FORMS: Mapping[str, Callable[[_Table], list[Value]]] = {
    "steps": _steps,
    "between": _between,
    "one value": _one_value,
}

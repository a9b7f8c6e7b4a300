"""`[validation]` of a job: what judges the results, and the windows that a choice is tested in."""

from __future__ import annotations

from math import comb
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from backfleet.errors import JobError
from backfleet.job import rules
from backfleet.job.fields import Day, Text, Whole
from backfleet.job.section import Section
from backfleet.job.where import Where
from backfleet.job.window_length import Length
from backfleet.summary import COLUMNS

__all__ = [
    "ANY_KEYS",
    "MOVING",
    "SELECTABLE",
    "TRADES",
    "WHERE",
    "Validation",
    "parse_condition",
]

SELECTABLE = ("sharpe", "sortino", "total_return", "cagr", "calmar", "max_drawdown", "volatility")
"""Metrics that follow from the returns of a window."""

TRADES = "trades"
"""Additional metric of a window that `where` can use: the number of trades that closed in it."""

WHERE = "validation.where"

MAX_GROUPS = 100
MAX_FOLDS = 1_000

MOVING = ("rolling", "anchored")
"""Walk-forward: windows that move over time."""

KEYS = {
    "split": {"train", "test"},
    "rolling": {"train", "test", "step"},
    "anchored": {"train", "test", "step"},
    "groups": {"groups", "test_groups", "embargo"},
}
"""Keys that only some kinds of windows have."""

ANY_KEYS: set[str] = set().union(*KEYS.values())

RULES = {"purge", "start", "select", "where", "plateau", "per"}
"""Keys that all kinds of windows have, and that have no effect without windows."""


class Validation(Section):
    """`[validation]`: what judges the results. No key of it is part of the run's id.

    Attributes
    ----------
    family
        The family of strategies that the run's points count as trials of; the strategy's name
        without its folder if unset. Set it to keep the count of a strategy that was renamed.
    prior_trials
        How many trials of the family took place outside the store, such as in a notebook. The
        largest number that was ever declared counts.
    prior_note
        A line about the prior trials.
    windows
        Windows in which points are chosen and tested: `split`, one of each; `rolling` or
        `anchored` (walk-forward), whose training windows move or grow; `groups`, all choices of
        test groups (combinatorial). See [Walk-forward](walk-forward.md).
    train, test
        Lengths of a training and of a test window: `"3 years"`, `"6 months"`, or a number of
        sessions. `split` needs one of them, and the other takes the rest.
    step
        Distance of consecutive test windows, at least `test`; by default `test`.
    groups, test_groups
        With `groups`: into how many groups the sessions are cut, and how many are tested in each
        fold.
    purge
        Sessions left out between training and test.
    embargo
        With `groups`: additional sessions of training left out after each test group.
    start
        `running`: a window is a part of an account over all sessions; `flat`: every point runs in
        every window with an account of its own, which begins with the job's cash. Flat windows are
        tasks, and part of the run's id.
    select
        The metric of the training window by which a point is chosen: `sharpe`, `sortino`,
        `total_return`, `cagr`, `calmar`, `max_drawdown` or `volatility`, the lowest of which is
        best.
    where
        A condition on the training window, such as `trades >= 30 and max_drawdown > -0.3`.
    plateau
        Choose by the mean over a point and its neighbors, one step away along one parameter.
    per
        `universe`: one point for all symbols; `symbol`: a point for each symbol.
    holdout
        The first session that no window reaches. The runs that include it are counted.
    """

    family: Annotated[Text, AfterValidator(rules.family)] | None = None
    prior_trials: Annotated[Whole, Field(ge=1, le=rules.MAX_PRIOR_TRIALS)] | None = None
    prior_note: Annotated[Text, AfterValidator(rules.note)] | None = None
    windows: Literal["split", "rolling", "anchored", "groups"] | None = None
    train: Length | None = None
    test: Length | None = None
    step: Length | None = None
    groups: Annotated[Whole, Field(ge=2, le=MAX_GROUPS)] = 10
    test_groups: Annotated[Whole, Field(ge=1)] = 2
    purge: Annotated[Whole, Field(ge=0)] = 0
    embargo: Annotated[Whole, Field(ge=0)] = 0
    start: Literal["running", "flat"] = "running"
    select: Text = "sharpe"
    where: Text | None = None
    plateau: bool = False
    per: Literal["universe", "symbol"] = "universe"
    holdout: Day | None = None

    @field_validator("prior_note")
    @classmethod
    def _about_prior_trials(cls, note: str | None, info: ValidationInfo) -> str | None:
        # A wrong prior_trials is missing here and has an error of its own; 1 stands for it.
        if note is not None and info.data.get("prior_trials", 1) is None:
            raise ValueError("describes prior_trials, which is not set")
        return note

    @field_validator("select")
    @classmethod
    def _follows_from_returns(cls, metric: str) -> str:
        if metric in SELECTABLE:
            return metric
        works = f"Use {', '.join(SELECTABLE[:-1])} or {SELECTABLE[-1]}"
        if metric in COLUMNS:
            raise ValueError(f"does not follow from the returns of a window. {works}")
        raise ValueError(f"is not a metric of a window. {works}")

    @field_validator("where")
    @classmethod
    def _readable(cls, where: str | None) -> str | None:
        if where is not None:
            try:
                return parse_condition(where).text
            except JobError as error:
                # The error names the key and the value already, and `Section` will name them again.
                raise ValueError(str(error).partition('": ')[2]) from None
        return where

    @model_validator(mode="after")
    def _fits_its_windows(self) -> Validation:
        problem = self._problem()
        if problem:
            raise ValueError(problem)
        return self

    def _problem(self) -> str:
        """Return what is wrong with the keys together, or an empty text."""
        # Not `model_fields_set`: a job that was written out with its defaults is the same job.
        fields = type(self).model_fields.items()
        given = {name for name, field in fields if getattr(self, name) != field.default}
        if self.windows is None:
            idle = sorted(given & (RULES | ANY_KEYS))
            return f"{idle[0]} has no effect without windows" if idle else ""
        # A flat account needs one contiguous range of sessions.
        if self.start == "flat" and self.windows == "groups":
            return (
                'start = "flat" cannot be combined with windows = "groups", whose training has gaps'
            )
        # "-" binds before "&": the given keys among those of other kinds of windows.
        idle = sorted(given & ANY_KEYS - KEYS[self.windows])
        if idle:
            fitting = " or ".join(f'"{kind}"' for kind, keys in KEYS.items() if idle[0] in keys)
            windows = f'windows = "{self.windows}"'
            return f"{idle[0]} cannot be combined with {windows}, only with {fitting}"
        if self._problem_of_units():
            return self._problem_of_units()
        if self.windows in MOVING:
            return self._problem_of_moving_windows()
        if self.windows == "split" and self.train is None and self.test is None:
            return 'windows = "split" needs train or test, such as test = "2 years"'
        return self._problem_of_groups() if self.windows == "groups" else ""

    def _problem_of_groups(self) -> str:
        if self.test_groups >= self.groups:
            return f"{self.test_groups} of {self.groups} groups cannot be tested; test fewer"
        folds = comb(self.groups, self.test_groups)
        if folds > MAX_FOLDS:
            return (
                f"testing {self.test_groups} of {self.groups} groups gives {folds:,} folds, and at "
                f"most {MAX_FOLDS:,} are possible; use fewer groups"
            )
        return ""

    def _problem_of_units(self) -> str:
        lengths = {"train": self.train, "test": self.test, "step": self.step}
        given = {name: length for name, length in lengths.items() if length is not None}
        if len({length.unit for length in given.values()}) < 2:
            return ""
        listed = ", ".join(f"{name} is {length}" for name, length in given.items())
        return f"{listed}: give all lengths in sessions, or all in months and years"

    def _problem_of_moving_windows(self) -> str:
        for name in ("train", "test"):
            if getattr(self, name) is None:
                return f'windows = "{self.windows}" needs {name}, such as {name} = "1 year"'
        step, test = self.step, self.test
        # The units are equal here; `_problem_of_units` comes first.
        if step and test and step.count < test.count:
            return f'test windows overlap: step is {step}, test is {test}; use step = "{test}"'
        return ""


def parse_condition(text: str) -> Where:
    """Return `validation.where`. Raises JobError."""
    return Where.parse(text, (*SELECTABLE, TRADES), WHERE, "metric of a window")

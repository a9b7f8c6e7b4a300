"""What a `VectorStrategy` is as a class: its parameters, and what is refused at its definition."""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from backfleet import Bars, VectorStrategy
from backfleet.errors import JobError
from backfleet.strategy import description_of
from backfleet.vector_strategy import SIZINGS, field_choices, field_defaults


class Silent(VectorStrategy):
    """Wants nothing."""

    days: int = 3
    share: float = 0.5
    quick: bool = True
    word: str = "up"
    stop_loss: float | None = None
    sizing = "fixed"

    def targets(self, bars: Bars) -> NDArray[np.float64]:
        return np.full(len(bars), np.nan)


class Louder(Silent):
    """A subclass with another default and a parameter more."""

    days: int = 5
    extra: int = 1


def test_annotated_attributes_are_the_parameters_and_plain_ones_are_not() -> None:
    assert field_defaults(Silent) == {
        "days": 3,
        "share": 0.5,
        "quick": True,
        "word": "up",
        "stop_loss": None,
    }
    assert (Silent().sizing, Silent().target) == ("fixed", "position")


class Chosen(Silent):
    """Has parameters that take some texts only."""

    mode: Literal["mean", "last"] = "mean"
    level: Literal[1, 2] = 1
    sizing: str = "all-in"


def test_a_literal_and_the_ways_to_size_orders_are_the_only_texts_that_a_parameter_takes() -> None:
    choices = field_choices(Chosen)
    assert choices["mode"] == ("mean", "last")
    assert choices["sizing"] == SIZINGS
    assert "level" not in choices
    parameters = {parameter.name: parameter for parameter in description_of(Chosen).parameters}
    assert parameters["mode"].coerce("last") == "last"
    for name, value in (("mode", "median"), ("sizing", "al-in")):
        with pytest.raises(JobError, match=f'params.{name} = "{value}": must be one of '):
            parameters[name].coerce(value)


def test_an_annotation_that_only_a_type_checker_knows_is_no_error() -> None:
    class Odd(Silent):
        odd: NotImported = 1  # type: ignore[name-defined]  # noqa: F821

    assert "odd" not in field_choices(Odd)


def test_a_subclass_takes_over_parameters() -> None:
    assert list(field_defaults(Louder)) == [*field_defaults(Silent), "extra"]
    assert Louder(share=0.1) == Louder(days=5, share=0.1)


def test_a_strategy_cannot_be_changed_once_it_is_made() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Silent().days = 4


def test_metrics_are_each_instances_own() -> None:
    first, second = Silent(), Silent()
    first.metrics["entries"] = 3
    assert second.metrics == {}


@pytest.mark.parametrize(
    ("name", "default", "message"),
    [
        ("days", dataclasses.field(), "Bad.days: a parameter needs a default"),
        ("days", (1, 2), "Bad.days: a parameter is an int, float, bool or str, not tuple"),
        ("_days", 3, "Bad._days: a parameter cannot have this name"),
        ("metrics", 3, "Bad.metrics: a parameter cannot have this name"),
    ],
)
def test_a_parameter_that_cannot_be_one_is_refused(
    name: str, default: object, message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        type("Bad", (Silent,), {"__annotations__": {name: "int"}, name: default})


def test_a_strategy_without_targets_cannot_be_made() -> None:
    class Empty(VectorStrategy):
        pass

    with pytest.raises(TypeError, match="Empty needs a method targets or portfolio_targets"):
        Empty()

"""The command line changes a job file as if the change had been written there."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from backfleet.errors import JobError
from backfleet.job import Job, Overrides, Parameter, Sweep, plan_points

JOB = 'strategy = "sma"\n[params]\nperiod = 15\n[data]\nsource = "csv"\npath = "prices"\n'


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("period=5:60:5", {"start": 5, "stop": 60, "step": 5}),
        ("period=10:20:05", "10:20:05"),
        ("period=10:20:10", {"start": 10, "stop": 20, "step": 10}),
        ("period=0.1:0.5:0.1", {"start": 0.1, "stop": 0.5, "step": 0.1}),
        ("period=60:5:-5", {"start": 60, "stop": 5, "step": -5}),
        ("period=5,10,15", [5, 10, 15]),
        ("period= 5 , 10 ", [5, 10]),
        ("period=15", 15),
        ("period=1e3", 1000.0),
        ("period=-0.5", -0.5),
        ("period=true", True),
        ("period=true,false", [True, False]),
        ("period=ema", "ema"),
        ("period=ema,sma", ["ema", "sma"]),
        ('period="5"', "5"),
        ('period="a,b"', "a,b"),
        ("period=2020-01-01", "2020-01-01"),
        ("period=a=b", "a=b"),
        ("period=[5, 10]", [5, 10]),
        ("period={low = 1, high = 9, count = 3}", {"low": 1, "high": 9, "count": 3}),
        ("period={value = [1, 2]}", {"value": [1, 2]}),
        ("period=5\nseed = 3", "5\nseed = 3"),
    ],
)
def test_a_parameter_is_a_value_values_a_range_or_text(text: str, spec: object) -> None:
    changed = Overrides(params=[text]).apply({"params": {"period": 1, "other": 2}})
    assert changed == {"params": {"period": spec, "other": 2}}
    assert type(changed["params"]["period"]) is type(spec)


@pytest.mark.parametrize(
    ("text", "symbols"),
    [("6005*", ["6005*"]), ("A,B", ["A", "B"]), (" 600519 , B ", ["600519", "B"])],
)
def test_symbols_are_separated_by_commas(text: str, symbols: list[str]) -> None:
    assert Overrides(symbols=text).apply({}) == {"data": {"symbols": symbols}}


@pytest.mark.parametrize(
    ("text", "table"),
    [
        ("broker.cash=50000", {"broker": {"cash": 50000}}),
        ("data.start=2019-01-01", {"data": {"start": date(2019, 1, 1)}}),
        ("resources.memory=4 GiB", {"resources": {"memory": "4 GiB"}}),
        ("data.options.date_column=Date", {"data": {"options": {"date_column": "Date"}}}),
        ('plugins=["a", "b"]', {"plugins": ["a", "b"]}),
        ("sweep.where=fast == 5", {"sweep": {"where": "fast == 5"}}),
        ("name=x", {"name": "x"}),
    ],
)
def test_a_set_value_is_toml_or_text(text: str, table: dict[str, Any]) -> None:
    assert Overrides(sets=[text]).apply({}) == table


def test_p_holds_before_set_and_the_file_is_left_alone() -> None:
    raw = {"params": {"period": 1}}
    changed = Overrides(params=["period=3"], sets=["params.period=4"]).apply(raw)
    assert changed == {"params": {"period": 3}}
    assert raw == {"params": {"period": 1}}


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            Overrides(params=["period"]),
            "-p period: must be a key and a value, such as -p period=15",
        ),
        (
            Overrides(params=["period=5", "fast=1", " period = 6"]),
            "-p  period = 6: 'period' is set twice; for several values, write them as 5,10,15",
        ),
        (Overrides(sets=["broker.cash=1", "broker.cash=2"]), "'broker.cash' is set twice"),
        (Overrides(params=["=5"]), "-p =5: must be a key and a value"),
        (Overrides(params=["period="]), "-p period=: has no value"),
        (Overrides(params=["period=5,,6"]), "-p period=5,,6: has an empty value"),
        (Overrides(params=["period=5:60"]), "-p period=5:60: a range is start:stop:step"),
        (Overrides(params=["period=1:2:3:4"]), "a range is start:stop:step"),
        (Overrides(sets=["cash"]), "--set cash: must be a key and a value"),
        (Overrides(sets=["broker..cash=5"]), "--set broker..cash=5: must be a key and a value"),
        (
            Overrides(sets=["strategy.name=5"]),
            '--set strategy.name=5: strategy = "sma" is not a table',
        ),
        (Overrides(symbols="A,,B"), "--symbols A,,B: has an empty value"),
        (Overrides(symbols=""), "--symbols : has an empty value"),
        (Overrides(sets=["brokr.cash=5"]), "brokr: unknown key; did you mean 'broker'?"),
        (Overrides(sets=["broker.csh=5"]), "broker.csh: unknown key; did you mean 'cash'?"),
        (Overrides(sets=["broker.cash=lots"]), 'broker.cash = "lots": must be a number'),
        (Overrides(symbols="../x"), 'data.symbols[0] = "../x": must not contain a path separator'),
    ],
)
def test_what_cannot_be_set_is_refused(tmp_path: Path, overrides: Overrides, message: str) -> None:
    file = tmp_path / "job.toml"
    file.write_text(JOB)
    with pytest.raises(JobError) as caught:
        Job.load(file, overrides)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("in_file", "option"),
    [
        ("{ start = 5, stop = 60, step = 5 }", "period=5:60:5"),
        ("[5, 10, 15]", "period=5,10,15"),
        ("{ low = 5, high = 20, count = 4 }", "period=5:20:5"),
        ("7", "period=7"),
    ],
)
def test_an_option_plans_the_same_points_as_the_file(
    tmp_path: Path, in_file: str, option: str
) -> None:
    file = tmp_path / "job.toml"
    file.write_text(JOB)
    by_option = Job.load(file, Overrides(params=[option]))
    file.write_text(JOB.replace("15", in_file))
    by_file = Job.load(file)
    parameters = [Parameter.of("period", 15)]
    one, other = (
        plan_points(job.params, parameters, Sweep(), job.seed) for job in (by_option, by_file)
    )
    assert one.to_json() == other.to_json()

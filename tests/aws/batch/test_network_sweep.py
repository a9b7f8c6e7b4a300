"""Faults of the network and of AWS at random, under commands that follow, stop and resume a run.

Whatever a command meets, it ends with an answer or with one error of backfleet's that says what to
do, and once the faults are over, each task has one row.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import backfleet as bf
from backfleet.errors import BackfleetError
from backfleet.runs.control import RunControl
from stored_rows import stored_rows
from testbed.aws.gate import Gate

STEPS = 6
MAX_ROUNDS = 4
CALLS = ("DescribeJobs", "ListJobs", "SubmitJob", "TerminateJob", "GET ", "PUT ")


def _throttled(gate: Gate, draw: random.Random) -> None:
    call = draw.choice(CALLS)
    code = "SlowDown" if call in ("GET ", "PUT ") else "TooManyRequestsException"
    gate.refuse(call, 503 if code == "SlowDown" else 429, code, times=draw.randint(1, 8))


def _expired(gate: Gate, draw: random.Random) -> None:
    code = "ExpiredToken" if (call := draw.choice(CALLS)) in ("GET ", "PUT ") else EXPIRED
    gate.refuse(call, 403, code, "The security token has expired", times=draw.randint(1, 3))


def _clock_skew(gate: Gate, draw: random.Random) -> None:
    gate.refuse(draw.choice(CALLS[-2:]), 403, "RequestTimeTooSkewed", times=draw.randint(1, 3))


def _lost_answers(gate: Gate, draw: random.Random) -> None:
    gate.lose_answer(draw.choice(CALLS), times=draw.randint(1, 3))


def _lagging_jobs(gate: Gate, draw: random.Random) -> None:
    gate.alter("DescribeJobs", lambda answer: answer | {"jobs": []}, times=draw.randint(1, 2))


def _jobs_twice(gate: Gate, draw: random.Random) -> None:
    def twice(answer: dict[str, Any]) -> Any:
        return answer | {"jobs": [*answer["jobs"], *reversed(answer["jobs"])]}

    gate.alter("DescribeJobs", twice, times=draw.randint(1, 3))


def _partial_listing(gate: Gate, draw: random.Random) -> None:
    """A listing from before the newest commits."""

    def partial(body: bytes) -> bytes:
        chunks = re.findall(rb"<Contents>(?:(?!</Contents>).)*/chunks/.*?</Contents>", body, re.S)
        return body.replace(chunks[-1], b"") if chunks else body

    gate.spoil("GET ", partial, times=draw.randint(1, 20))


WHAT_TO_DO = re.compile(r"set the clock|renew them|try again|resume|wait|cancel|reach")
EXPIRED = "ExpiredTokenException"
FAULTS = (
    _throttled,
    _expired,
    _clock_skew,
    _lost_answers,
    _lagging_jobs,
    _jobs_twice,
    _partial_listing,
)
ACTIONS: dict[str, Callable[[RunControl], object]] = {
    "wait": lambda control: control.wait(),
    "status": lambda control: (control.run.summary(), control.run.state()),
    "cancel": lambda control: control.cancel(),
    "resume": lambda control: control.resume(),
}


@pytest.mark.parametrize(
    "seed",
    [
        pytest.param(0, marks=pytest.mark.testbed),
        *(pytest.param(seed, marks=pytest.mark.exhaustive) for seed in range(1, 30)),
    ],
)
def test_no_row_is_lost_or_doubled_whatever_the_network_does(
    job_file: Callable[..., Path],
    options: list[str],
    gate: Gate,
    seed: int,
) -> None:
    draw = random.Random(seed)
    job = bf.Job.load(job_file("period = { start = 5, stop = 8, step = 1 }"))
    control = bf.submit(job, "aws-batch", [*options, "workers=2"])
    url = control.run.url
    errors: list[str] = []
    for _ in range(STEPS):
        for fault in draw.sample(FAULTS, 2):
            fault(gate, draw)
        name = draw.choice(list(ACTIONS))
        try:
            # Each command is another process, which knows no more than the URL.
            ACTIONS[name](RunControl(bf.open_run(url)))
        except BackfleetError as error:
            errors.append(f"{name}: {error}")
        gate.rules.clear()
    for _ in range(MAX_ROUNDS):
        control = RunControl(bf.open_run(url))
        control.resume()
        if not control.wait().missing:
            break
    rows = stored_rows(bf.open_run(url))
    assert [row["task"] for row in rows] == list(range(12))
    assert [error for error in errors if not WHAT_TO_DO.search(error)] == []

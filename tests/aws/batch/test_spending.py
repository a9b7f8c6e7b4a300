"""What a run has cost so far: every attempt, start and kill, from a bounded number of requests."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner

from backfleet.errors import ExecutorError
from backfleet.executor import Submission
from backfleet_executors.aws import prices
from backfleet_executors.aws.batch.arrays import ShardArray
from backfleet_executors.aws.batch.executor import AwsBatchExecutor
from backfleet_executors.aws.batch.price_tags import max_cost_of, price_of, price_tags
from backfleet_executors.aws.batch.settings import AwsBatchSettings
from backfleet_executors.aws.batch.spending import SAMPLE_SECONDS, Budget, Spending
from backfleet_executors.aws.command import aws
from backfleet_executors.aws.errors import aws_errors
from backfleet_executors.aws.prices import HourlyPrice, charged_seconds
from testbed.aws.deployment import AwsServer
from testbed.aws.gate import Gate

PRICE = HourlyPrice(0.05, 0.02, 0.005, "USD", "prices of a test")
KILLED = 0.1


@dataclass
class Fleet:
    """An array whose workers take minutes, and of whose attempts a tenth are killed.

    Attributes
    ----------
    now
        Seconds since 1970, also those of the executor's clock.
    """

    workers: int
    slots: int
    now: float = 1e9
    described: int = 0
    attempts: dict[int, list[tuple[float, float]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        draw = random.Random(1)
        free = [self.now] * self.slots
        for worker in range(self.workers):
            slot = free.index(min(free)) if self.slots < 100 else worker % self.slots
            start, tries = free[slot], self.attempts.setdefault(worker, [])
            while True:
                is_killed = draw.random() < KILLED
                length = draw.uniform(150, 450) * (draw.random() if is_killed else 1)
                tries.append((start, start + length))
                start += length + 40
                if not is_killed:
                    break
            free[slot] = start

    def describe(self, jobs: Sequence[str]) -> dict[str, Any]:
        self.described += -(-len(jobs) // 100)
        return {job: self._job(int(job.partition(":")[2])) for job in jobs}

    def _job(self, worker: int) -> dict[str, Any]:
        begun = [(start, end) for start, end in self.attempts[worker] if start <= self.now]
        ended = [{"startedAt": s * 1000, "stoppedAt": e * 1000} for s, e in begun if e <= self.now]
        if len(ended) == len(self.attempts[worker]):
            return {"status": "SUCCEEDED", "attempts": ended, "startedAt": begun[-1][0] * 1000}
        if len(begun) > len(ended):
            return {"status": "RUNNING", "attempts": ended, "startedAt": begun[-1][0] * 1000}
        return {"status": "RUNNABLE", "attempts": ended}

    def running(self) -> list[int]:
        jobs = (self._job(worker) for worker in range(self.workers))
        return [sum(job["status"] == "RUNNING" for job in jobs)]

    def ledger(self) -> float:
        """Dollars until now, of all workers."""
        return PRICE.on_demand / 3600 * sum(
            charged_seconds(min(end, self.now) - start)
            for attempts in self.attempts.values()
            for start, end in attempts
            if start <= self.now
        )  # fmt: skip

    @property
    def end(self) -> float:
        return max(attempts[-1][1] for attempts in self.attempts.values())


def spending(fleet: Fleet, limit: float | None = None) -> Spending:
    array = ShardArray("3f2a", 1, f"0-{fleet.workers - 1}", "on-demand", "job")
    budget = Budget(PRICE, "spot", limit)
    calls: Any = fleet
    return Spending([array], budget, calls, fleet.running, lambda: fleet.now)


def test_the_amount_is_within_a_tenth_of_the_ledger_at_all_times() -> None:
    fleet = Fleet(workers=3000, slots=300)
    meter, began = spending(fleet), fleet.now
    while fleet.now < fleet.end:
        fleet.now += 311
        cost = meter.cost(is_ended=fleet.now >= fleet.end)
        assert cost is not None
        assert cost.highest == pytest.approx(fleet.ledger(), rel=0.1)
    assert cost.is_final
    looks = (fleet.now - began) / 600 + 2
    assert fleet.described <= 3 * looks
    calls = fleet.described
    assert meter.cost(is_ended=True) == cost
    assert fleet.described == calls, "what has ended is asked once"


def test_the_limit_is_found_soon_after_it_is_reached() -> None:
    fleet = Fleet(workers=50, slots=50)
    meter = spending(fleet, limit=0.2)
    fleet.now += 1
    assert meter.cost(is_ended=False) is not None
    over = 0.0
    while not over:
        fleet.now += 10
        cost = meter.cost(is_ended=False)
        assert cost is not None
        over = fleet.ledger() if cost.exceeds_limit else 0.0
    assert 0.2 < over < 0.22


def test_jobs_that_aws_batch_has_forgotten_have_no_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    fleet = Fleet(workers=3, slots=3)
    monkeypatch.setattr(fleet, "describe", lambda jobs: {})
    assert spending(fleet).cost(is_ended=True) is None


@pytest.mark.parametrize("status", [429, 500, 403])
def test_a_busy_aws_leaves_the_amount_that_was_known(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = Fleet(workers=3, slots=3)
    meter = spending(fleet)
    fleet.now += 100
    first = meter.cost(is_ended=False)
    asked: list[float] = []

    def refuse(jobs: Sequence[str]) -> Any:
        asked.append(fleet.now)
        with aws_errors("asking AWS Batch"):
            metadata: Any = {"HTTPStatusCode": status}
            raise ClientError({"Error": {}, "ResponseMetadata": metadata}, "DescribeJobs")

    monkeypatch.setattr(fleet, "describe", refuse)
    fleet.now += SAMPLE_SECONDS
    if status == 403:
        with pytest.raises(ExecutorError):
            meter.cost(is_ended=False)
        return
    for _ in range(20):
        cost = meter.cost(is_ended=False)
        assert cost is not None
        assert first is not None
        assert cost.highest >= first.highest
        fleet.now += 1
    assert len(asked) == 1, "a second later AWS is as busy"
    # The end is asked for once, by whoever stores the final amount.
    with pytest.raises(ExecutorError):
        meter.cost(is_ended=True)


def test_jobs_that_aws_batch_does_not_know_yet_are_not_asked_about_at_every_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fleet = Fleet(workers=3, slots=3)
    asked: list[float] = []
    known = fleet.describe

    def late(jobs: Sequence[str]) -> Any:
        asked.append(fleet.now)
        return known(jobs) if fleet.now > 1e9 + 60 else {}

    monkeypatch.setattr(fleet, "describe", late)
    meter = spending(fleet)
    costs = []
    for _ in range(120):
        costs.append(meter.cost(is_ended=False))
        fleet.now += 1
    assert costs[0] is None
    assert costs[-1] is not None
    assert len(asked) < 6


def test_workers_on_spot_cost_the_price_of_spot() -> None:
    fleet = Fleet(workers=3, slots=3)
    meter = spending(fleet)
    meter._arrays = [replace(meter._arrays[0], queue="spot")]
    fleet.now = fleet.end
    cost = meter.cost(is_ended=True)
    assert cost is not None
    assert cost.amount == pytest.approx(cost.highest * 0.4)
    assert cost.basis.endswith("prices of a test")


# -- the stand-in --------------------------------------------------------------------------------

Submit = Callable[..., Submission]


@pytest.fixture
def limited(settings: Mapping[str, Any]) -> AwsBatchExecutor:
    return AwsBatchExecutor(AwsBatchSettings(**settings, max_cost=9.0))


def test_the_amount_agrees_with_the_ledger_of_the_stand_in_under_kills(
    executor: AwsBatchExecutor,
    submission: Submit,
    aws_server: AwsServer,
    sleeping_workers: Callable[[float], None],
) -> None:
    sleeping_workers(0.3)
    aws_server.control("chaos", rate=0.3, seconds=0.2, seed=3)
    asked = submission(shards=12)
    handle = executor.submit(replace(asked, cpus=1))
    (array,) = handle["arrays"]
    aws_server.wait(array["job"])
    aws_server.control("chaos", rate=0)

    cost = executor.spent(handle)
    ledger = aws_server.ledger(array["job"])
    hours = sum(map(charged_seconds, ledger)) / 3600
    assert len(ledger) > 12, "some were killed"
    assert cost is not None
    assert cost.is_final
    assert cost.highest == pytest.approx(hours * handle["price"]["on_demand"], rel=0.1)


def test_jobs_carry_their_price_and_share_of_the_limit_for_who_finds_them(
    limited: AwsBatchExecutor,
    submission: Submit,
    aws_server: AwsServer,
    capfd: pytest.CaptureFixture[str],
) -> None:
    aws_server.register(aws_server.job_definition, image="elsewhere")
    asked = submission(shards=3)
    handle = limited.submit(asked)
    tags = aws_server.job(handle["arrays"][0]["job"])["tags"]
    price = HourlyPrice(**handle["price"])
    read = price_of(tags)
    (orphan,) = limited.find_orphans(asked.run_id)
    limited.cancel(handle)

    assert read is not None
    assert (read.on_demand, read.currency) == (pytest.approx(price.on_demand, rel=1e-5), "USD")
    assert max_cost_of(tags) == 9.0
    assert orphan["max_cost"] == 9.0
    assert orphan["price"]["on_demand"] == read.on_demand
    err = capfd.readouterr().err
    assert "is stopped at 9.00 USD while a client waits for it" in err
    assert "it can cost up to 0.18 USD more" in err


def test_who_has_accepted_the_cost_is_not_stopped(
    limited: AwsBatchExecutor, submission: Submit, aws_server: AwsServer
) -> None:
    aws_server.register(aws_server.job_definition, image="elsewhere")
    handle = limited.submit(replace(submission(shards=2), accept_cost=True))
    limited.cancel(handle)
    assert handle["max_cost"] is None
    assert price_tags(PRICE, None) == {"backfleet:price": "0.05 0.02 0.005 USD"}


# -- prices --------------------------------------------------------------------------------------


def test_a_limit_needs_the_price_of_the_region(
    limited: AwsBatchExecutor, submission: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prices, "PRICES", {"us-east-1": prices.PRICES["us-east-1"]})
    monkeypatch.setattr(prices, "DEFAULT_REGION", "us-east-1")
    asked = submission(shards=2)
    assert not any("max_cost" in problem for problem in limited.preflight(asked))
    monkeypatch.setattr(prices, "PRICES", {})
    problems = [problem for problem in limited.preflight(asked) if "max_cost" in problem]
    assert problems == [
        "the price of Fargate in us-east-1 is not known here, so max_cost = 9 cannot be kept. Look "
        "the price up with 'backfleet aws prices --region us-east-1', or submit without max_cost"
    ]


def product(usage: str, amount: str, currency: str = "USD") -> str:
    dimensions = {"x": {"pricePerUnit": {currency: amount}}}
    terms = {"OnDemand": {"y": {"priceDimensions": dimensions}}}
    attributes = {"usagetype": usage}
    facts = {"product": {"attributes": attributes}, "terms": terms}
    return json.dumps(facts | {"publicationDate": "2026-11-20T00:00:00Z"})


def test_a_command_looks_the_price_up_and_the_executor_uses_it(
    gate: Gate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from backfleet.runs.executors import open_executor

    monkeypatch.chdir(tmp_path)
    listed = [
        product("APE1-Fargate-ARM-vCPU-Hours:perCPU", "0.044"),
        product("APE1-Fargate-ARM-GB-Hours", "0.0048"),
        product("APE1-SpotUsage-Fargate-vCPU-Hours:perCPU", "9"),
        product("APE1-Fargate-vCPU-Hours:perCPU", "0.055"),
        product("APE1-Fargate-GB-Hours", "0.006"),
    ]
    gate.answer("GetProducts", {"PriceList": listed})
    done = CliRunner().invoke(aws, ["prices", "--region", "ap-east-1"])
    assert done.exit_code == 0, done.output
    assert "ap-east-1: 0.055 USD per vCPU-hour and 0.006 per GB-hour on demand" in done.output
    settings = open_executor("aws-batch").settings
    assert isinstance(settings, AwsBatchSettings)
    assert settings.price == prices.Price(
        "ap-east-1", 0.055, 0.006, "2026-11-20", "AWS Price List", "USD"
    )
    assert prices.known_price("ap-east-1", settings.price) is settings.price
    assert prices.known_price("ap-east-2", settings.price) is None
    assert prices.known_price("ap-east-1", settings.price, "arm64") is None
    done = CliRunner().invoke(aws, ["prices", "--region", "ap-east-1", "--arm64"])
    assert "ap-east-1: 0.044 USD per vCPU-hour and 0.0048 per GB-hour" in done.output
    settings = open_executor("aws-batch").settings
    assert isinstance(settings, AwsBatchSettings)
    assert prices.known_price("ap-east-1", settings.price, "arm64") is settings.price
    assert prices.known_price("ap-east-1", settings.price) is None


def test_a_region_without_a_price_in_the_list_is_reported(gate: Gate) -> None:
    gate.answer("GetProducts", {"PriceList": [product("Fargate-GB-Hours", "0.006")]})
    done = CliRunner().invoke(aws, ["prices", "--region", "us-east-1"])
    assert "the AWS Price List has no price of Fargate on amd64 in us-east-1" in str(done.exception)

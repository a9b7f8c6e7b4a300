"""An odd job file is planned, or rejected with one message."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from hostile.attack import Case, Ground, assert_withstood
from hostile.odd_values import AXES, PATHS, TEXTS, odd_toml
from hostile.tiny import write_tiny

SEED = 11
FEW, MANY = 30, 2400
SHARE_RUN = 60
"""Of the jobs of the exhaustive size, one in this number is run as well."""

KEYS = (
    "name", "strategy", "engine", "seed", "plugins", "modules", "files", "params", "params.period",
    "params.sizing",
    "params.fast", "params.slow", "params.a", "params.b", "params.c", "params.d", "params.e",
    "params.f", "sweep",
    "sweep.where", "sweep.points", "sweep.sample", "data", "data.source", "data.path",
    "data.symbols", "data.universe",
    "data.start", "data.end", "data.warmup", "data.timezone", "data.columns", "data.options",
    "data.facts", "data.session_end", "data.options.delimiter",
    "data.options.date", "data.options.date_format", "data.options.factor", "data.auxiliary",
    "data.auxiliary.market",
    "data.auxiliary.market.symbols", "data.auxiliary.market.path", "data.auxiliary.market.source",
    "data.auxiliary.market.options", "broker", "broker.cash", "broker.commission",
    "broker.minimum_commission",
    "broker.slippage", "broker.commission.margin", "broker.commission.per_share",
    "broker.slippage.rate", "broker.slippage.match", "broker.symbols",
    "broker.symbols.AAA.commission", "broker.symbols.''.commission", "broker.fill_at_close",
    "results", "results.store", "results.detail", "results.benchmark",
    "results.periods_per_year",
    "resources", "resources.cpus", "resources.memory", "resources.task_timeout", "unknown",
    "validation", "validation.family", "validation.prior_trials", "validation.prior_note",
    "data.unknown", "''",
    "params.''", "data.auxiliary.''", "data.auxiliary.\"a/b\"", '"\\u0000"', "params.\"é\"",
    "a.b.c.d.e.f", "params.a.b",
)  # fmt: skip

BASES = (
    {"strategy": "'sma-crossover'", "params.period": "{ start = 2, stop = 6, step = 2 }"},
    {
        "strategy": "'dual-moving-average'",
        "params.fast": "[2, 3]",
        "params.slow": "[3, 4, 5]",
        "sweep.where": "'fast < slow'",
    },
    {
        "strategy": "'mine.py:Quiet'",
        "params.a": "[1, 2, 3]",
        "params.b": "{ low = 0.1, high = 1, count = 3 }",
        "sweep.sample": "4",
        "seed": "7",
    },
    {
        "strategy": "'buy-and-hold'",
        "data.universe": "'portfolio'",
        "data.start": "2024-01-03",
        "data.warmup": "2",
        "data.auxiliary.market.symbols": "['BBB']",
        "data.symbols": "['AAA', 'C-*']",
    },
    {
        "strategy": "'sma-crossover'",
        "engine": "'backtrader'",
        "resources.memory": "'1 GiB'",
        "resources.cpus": "1",
        "results.detail": "'summary'",
        "results.benchmark": "'BBB'",
        "resources.task_timeout": "'1 min'",
    },
)

USUAL_VALUES = {
    "sweep.where": ("'period > 3'", "'fast * 2 < slow or slow == 5'", "'a != 2 and b < 0.5'"),
    "sweep.sample": ("1", "3", "1_000_000"),
    "data.symbols": ("'*'", "['AAA']", "['?-1', 'B*']", "['AAA', 'A*']"),
    "data.start": ("2024-01-02", "'2024-01-05'", "1900-01-01", "2024-01-12", "2024-01-13"),
    "data.end": ("2024-01-11", "2024-01-01", "9999-12-31", "2023-12-31"),
    "data.warmup": ("0", "1", "11", "12", "9223372036854775807", "100000000000000000000"),
    "data.timezone": ("'UTC'", "'Asia/Kathmandu'", "'Pacific/Apia'", "'localtime'", "'Factory'"),
    "broker.cash": ("1e-300", "1.7e308", "1", "0.1"),
    "broker.commission": ("0.999999", "5e-324", "0"),
    "broker.slippage": ("1e308", "5e-324"),
    "resources.cpus": ("1", "2", "1000000", "9223372036854775807"),
    "resources.memory": ("'256 MiB'", "'900000 TiB'", "1e17", "300000000"),
    "resources.task_timeout": ("'0.000001 s'", "1e17", "'10000000 days'"),
    "seed": ("0", "9223372036854775807"),
    "name": ("'a'", "'A.b-c_d'", "'0'"),
    "results.periods_per_year": ("'auto'", "1e-300", "1.7e308", "252"),
    "results.store": ("'runs'", "'a b/é'", "'./x/../y'"),
    "files": ("['*.py']", "['data/*']", "['**']", "['mine.py', 'm*']"),
}
"""Values that are odd and valid, or nearly valid."""

CODES = frozenset({0, 1, 2})
"""1 where a task fails, or where S3 cannot be reached."""

OVERRIDES = ("-p", "--set", "--symbols")


def lines_of(job: dict[str, str]) -> list[str]:
    """Dotted keys need no tables, so that each key can be changed by itself."""
    return [f"{key} = {value}" for key, value in job.items()]


def mutated(chance: random.Random) -> bytes:
    """A valid job with some keys set to odd values, and at times damaged as text."""
    job = {"data.source": "'csv'", "data.path": "'data'", **chance.choice(BASES)}
    for _ in range(chance.choice((0, 0, 1, 1, 1, 1, 2, 4))):
        key = chance.choice(KEYS) if chance.random() < 0.6 else chance.choice(list(job) or KEYS)
        if chance.random() < 0.1:
            job.pop(key, None)
        elif key.startswith("params.") and chance.random() < 0.8:
            job[key] = chance.choice(AXES)
        elif key in USUAL_VALUES and chance.random() < 0.5:
            job[key] = chance.choice(USUAL_VALUES[key])
        else:
            job[key] = odd_toml(chance)
    lines = lines_of(job)
    if chance.random() < 0.2:
        change_lines(lines, chance)
    content = "\n".join(lines).encode("utf-8", "surrogatepass")
    return damaged(content, chance) if chance.random() < 0.2 else content


def change_lines(lines: list[str], chance: random.Random) -> None:
    """Change the order and the tables: duplicate keys, tables twice, keys after a table."""
    line = chance.choice(lines)
    odd = (
        line, "[data]", "[params]", "[data.auxiliary.x]", "[[data]]", "[[params]]", "[", "]",
        "[a.b]\n[a.b]",
        "[a]\nb.c=1\n[a.b]", "[" + "a." * 300 + "a]", "a." * 300 + "a = 1", "\t", "#", "# \x00",
        "= 1",
        "a", "''=1", "[params]\nperiod=3\n[params]", "x = [\n" * 50, '"""', "\'\'\'",
    )  # fmt: skip
    lines.insert(chance.randrange(len(lines) + 1), chance.choice(odd))
    if chance.random() < 0.3:
        chance.shuffle(lines)


def damaged(content: bytes, chance: random.Random) -> bytes:
    if not content:
        return content
    at = chance.randrange(len(content))
    choice = chance.randrange(6)
    if choice == 0:
        return content[:at]
    if choice == 1:
        return chance.choice((b"\xef\xbb\xbf", b"\xff\xfe", b"\0", b"PK\x03\x04")) + content
    if choice == 2:
        return content.decode("utf-8", "replace").encode(
            chance.choice(("utf-16", "utf-32", "utf-8-sig"))
        )
    if choice == 3:
        return content.replace(b"\n", chance.choice((b"\r", b"\r\n", b"\0", b"\n\r", b" ")))
    odd = bytes(chance.randrange(256) for _ in range(chance.randrange(1, 5)))
    return content[:at] + odd + content[at + (choice == 4) :]


def overrides(chance: random.Random) -> list[str]:
    option = chance.choice(OVERRIDES)
    if option == "--symbols":
        return [option, chance.choice(TEXTS)]
    key = chance.choice(KEYS).removeprefix("params." if option == "-p" else " ")
    odd = (
        odd_toml(chance), chance.choice(TEXTS), chance.choice(PATHS), "1:2:3", "1:1e9:1", "1:2",
        "5:1:1", "1,2,x", "0:1:0", "nan:1:1", "1:9:1e-9", "1,,2", ",",
    )  # fmt: skip
    return [
        option,
        f"{key}={chance.choice(odd)}" if chance.random() < 0.9 else chance.choice(TEXTS),
    ]


def case(number: int, template: Path, *, run: bool = False) -> Case:
    chance = random.Random(f"{SEED} {number}")
    content = mutated(chance)
    more = overrides(chance) if chance.random() < 0.2 else []
    # An operating system passes no NUL and no lone surrogate in an argument.
    more = [text.replace("\0", "") for text in more]
    arguments = ("run", "job.toml", *more, *(("-o", "workers=1") if run else ("--dry-run",)))
    return Case(
        f"job {number}", arguments, files={"job.toml": content}, template=template, exit_codes=CODES
    )


def attack_with(count: int, folder: Path, *, run_each: int = 0) -> None:
    template = write_tiny(folder / "template")
    cases = [case(number, template) for number in range(count)]
    if run_each:
        cases += [case(number, template, run=True) for number in range(0, count, run_each)]
    ground = Ground(
        folder / "ground",
        # urllib3 binds a port to see whether there is IPv6.
        # Runs start workers and end them. S3 is looked for where nothing listens.
        effects=["start", "signal", "connect ('127.0.0.1', 9)", "resolve", "bind ('::1', 0)"],
        preload=["backfleet.job.model", "backfleet.plan.plan", "backfleet.cli.dry_run"],
    )
    outcomes = assert_withstood(cases, ground)
    planned = sum(outcome.code == 0 for outcome in outcomes)
    assert count / 20 < planned < count * 19 / 20


def test_odd_job_files_are_planned_or_rejected(tmp_path: Path) -> None:
    attack_with(FEW, tmp_path)


@pytest.mark.exhaustive
def test_many_odd_job_files_are_planned_run_or_rejected(tmp_path: Path) -> None:
    attack_with(MANY, tmp_path, run_each=SHARE_RUN)

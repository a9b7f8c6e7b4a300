"""An odd command line does what it says, or is rejected with one message."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import click
import pytest

from backfleet.cli import cli
from hostile.attack import Case, Ground, assert_withstood
from hostile.finished_run import finished_run, run_of
from hostile.odd_values import PATHS, TEXTS

SEED = 11
FEW, MANY = 24, 1200

SENSIBLE = (
    "job.toml", "runs", "data", "csv", "parquet", "AAA", "a=1", "a=1,2", "broker.cash=5", "0", "1",
    "5", "workers=1",
    "local", "backtrader", "mine.py:Quiet", "sma-crossover", "total_return", "param_a", "tag",
    "out.html", "out.zip",
    "out.csv", "out.parquet", "a > 1", "task", "kept", "here", "table", "json", "made",
    "status = 'ok'",
)  # fmt: skip
NUMBERS = (
    "-1",
    "0",
    "1",
    "3",
    "4294967296",
    "9" * 30,
    "9" * 5000,
    "1.5",
    "1e3",
    "nan",
    "0x10",
    "１",
    " 1 ",
    "+1",
    "1_0",
    "",
)
FILES = (
    "fifo",
    "AAA.csv",
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "odd\udcff.toml",
    "loop",
    "data",
    "runs",
    "dangling",
)
STARTS = ("start", "signal", "write /dev/shm/pym-")
"""What commands do that have workers, or ask programs such as git and docker."""

WORKER_CODES = frozenset({64, 65, 75, 2, 0})
"""Exit codes of a worker tell its executor whether trying again can help."""

WRITING = ("export", "report", "results")
"""Commands that write to a file: to a FIFO they wait for a reader, as every program does."""

BLOCKING = ("serve",)
"""Commands that answer until they are ended, unless an option is wrong."""

SLOW = frozenset({"check", "demo"})
"""Commands that take seconds where they are right; they are attacked less often."""


@cache
def commands() -> tuple[tuple[str, ...], ...]:
    """All commands as click knows them, plugins' commands too; groups as well."""
    context = click.Context(cli)
    return tuple(_below((), cli, context))


def _below(
    path: tuple[str, ...], command: click.Command, context: click.Context
) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from _below((*path, name), below, context)


def command_at(path: tuple[str, ...]) -> click.Command:
    command: click.Command = cli
    for name in path:
        assert isinstance(command, click.Group)
        below = command.get_command(click.Context(cli), name)
        assert below is not None
        command = below
    return command


def value(parameter: click.Parameter, run: str, chance: random.Random) -> str:
    """Return a value for a parameter, which is sensible at times."""
    kind = chance.random()
    if kind < 0.75 and isinstance(parameter, click.Argument) and "run" in (parameter.name or ""):
        return chance.choice(
            (run, run, run[:4], f"runs/{run}", f"{run}/0", run.upper(), "job.toml")
        )
    if kind < 0.75 and parameter.name in ("task", "tasks"):
        return chance.choice(("0", "1", "11"))
    if kind < 0.45:
        return chance.choice(SENSIBLE)
    if isinstance(parameter.type, (click.types.IntParamType, click.types.IntRange)) or kind < 0.5:
        return chance.choice(NUMBERS)
    return chance.choice((chance.choice(TEXTS), chance.choice(PATHS), chance.choice(FILES)))


def arguments(path: tuple[str, ...], run: str, chance: random.Random) -> list[str]:
    """Return arguments with some of the options, and about as many arguments as are needed."""
    texts: list[str] = []
    for parameter in command_at(path).params:
        names = parameter.opts + parameter.secondary_opts
        if isinstance(parameter, click.Argument):
            if chance.random() < 0.95:
                texts.append(value(parameter, run, chance))
        elif isinstance(parameter, click.Option) and chance.random() < 0.15:
            for _ in range(chance.choice((1, 1, 1, 2))):
                texts.append(chance.choice(names))
                if not parameter.is_flag and chance.random() < 0.97:
                    texts.append(value(parameter, run, chance))
    if chance.random() < 0.1:
        texts.insert(chance.randrange(len(texts) + 1), chance.choice(TEXTS))
    if path[:1] == BLOCKING:
        texts += ["--port", chance.choice(("-1", "65536", "x", ""))]
    return texts


def _named(texts: Sequence[str]) -> Iterator[str]:
    """Yield the writing of files outside the case's folder that the command line itself names."""
    for path in map(os.path.normpath, texts):
        if os.path.isabs(path) and path != os.sep:
            yield f"write {path}"


def case(number: int, template: Path) -> Case:
    chance = random.Random(f"{SEED} {number}")
    known = commands()
    path = known[number % len(known)]
    if path[:1] and path[0] in SLOW and number >= 3 * len(known):
        path = ("results",)
    texts = [*path, *arguments(path, run_of(template), chance)]
    if chance.random() < 0.05:
        chance.shuffle(texts)
    if path[:1] and path[0] in WRITING:
        texts = [text.replace("fifo", "data") for text in texts]
    # An operating system passes no NUL, and no surrogate but those that stand for bytes.
    texts = [text.replace("\0", "") for text in texts]
    sample = (template / "data" / "AAA.csv").read_bytes()
    return Case(
        f"command line {number}",
        tuple(texts),
        files={"fifo": None, "AAA.csv": sample, "odd\udcff.toml": b"strategy = 1"},
        template=template,
        effects=(*STARTS, *_named(texts)),
        # Without a Docker daemon.
        environment={"DOCKER_HOST": "tcp://127.0.0.1:9"},
        exit_codes=WORKER_CODES if path == ("worker",) else frozenset({0, 1, 2}),
    )


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = finished_run(tmp_path_factory.mktemp("lines") / "template")
    (folder / "loop").symlink_to("loop")
    (folder / "dangling").symlink_to("nowhere")
    return folder


def attack_with(count: int, folder: Path, template: Path) -> None:
    ground = Ground(
        folder / "ground",
        readable=[template],
        effects=[
            # urllib3 binds a port to see whether there is IPv6.
            "connect ('127.0.0.1', 9)",
            "resolve",
            "bind ('::1', 0)",
            # Files that the command line itself names for the output.
            "write /sys",
            "write /memfd:in (deleted)",
        ],
        preload=["backfleet.job.model", "backfleet.plan.plan", "backfleet.cli.dry_run", "duckdb"],
    )
    assert_withstood([case(number, template) for number in range(count)], ground)


def test_odd_command_lines_are_obeyed_or_rejected(tmp_path: Path, template: Path) -> None:
    attack_with(FEW, tmp_path, template)


@pytest.mark.exhaustive
def test_many_odd_command_lines_are_obeyed_or_rejected(tmp_path: Path, template: Path) -> None:
    attack_with(MANY, tmp_path, template)

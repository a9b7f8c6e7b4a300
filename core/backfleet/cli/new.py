"""`backfleet new`: a package to begin with."""

from __future__ import annotations

from pathlib import Path
from typing import cast, get_args

import click

from backfleet.scaffold.package_name import PackageName
from backfleet.scaffold.strategy_package import make_strategy_package
from backfleet.strategy import StrategyKind

__all__ = ["new"]


@click.group()
def new() -> None:
    """Create a new package that can be installed with pip."""


@new.command()
@click.argument("name")
@click.option(
    "--kind",
    type=click.Choice(get_args(StrategyKind)),
    default="vector",
    show_default=True,
    help="A compiled backfleet.VectorStrategy, or a backtrader.Strategy.",
)
def strategy(name: str, kind: str) -> None:
    """Create a package with a strategy, in the folder NAME.

    It holds the strategy, its tests, a sweep and sample data.
    """
    package = PackageName.of(name)
    # click has checked the kind, which mypy cannot know.
    folder = make_strategy_package(package, cast(StrategyKind, kind), Path.cwd())
    click.echo(
        f"created {folder.name}/, with the strategy in src/{package.module}/strategy.py. Next:\n"
        f"  cd {folder.name}\n"
        "  pip install -e '.[dev]'\n"
        "  pytest\n"
        f"  backfleet check {name}\n"
        "  backfleet run sweep.toml"
    )

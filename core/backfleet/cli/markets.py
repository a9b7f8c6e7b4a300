"""`backfleet markets`: which rules of a market held on a day, and where they come from."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import click

from backfleet.cli.commands import SuggestingGroup
from backfleet.cli.options import as_json, echo_json
from backfleet.cli.table import print_columns, print_fitting
from backfleet.plugins import list_plugins, load_plugin

if TYPE_CHECKING:
    from backfleet.market import Dated

__all__ = ["markets"]

LEFT_OUT_FIRST = ("source", "certainty", "until")
"""Columns that give way if the terminal is too narrow."""

PERCENTS = {"of ": 100.0, "per mille of ": 0.1}
"""Percents in one unit, by the beginning of the unit."""


@click.group(
    cls=SuggestingGroup, otherwise="'backfleet markets show {}'", invoke_without_command=True
)
@as_json
@click.pass_context
def markets(context: click.Context, as_json: bool) -> None:
    """List the markets whose rules a job can use, with the rules that can be switched off."""
    from backfleet.market import Market

    # click calls the group before its subcommand.
    if context.invoked_subcommand is not None:
        return
    names = [plugin.name for plugin in list_plugins("market")]
    rules = [load_plugin("market", name, Market).rules for name in names]
    if as_json:
        rows = zip(names, rules, strict=True)
        echo_json([{"name": name, "rules": list(its_rules)} for name, its_rules in rows])
        return
    print_columns(["name", "rules"], [names, [", ".join(its_rules) or "-" for its_rules in rules]])


@markets.command()
@click.argument("name")
@click.option("--symbol", required=True, help="A symbol, as in data.symbols.")
@click.option(
    "--on",
    "day",
    callback=lambda _, __, text: _day(text),
    required=True,
    metavar="DATE",
    help="The session, such as 2020-08-24.",
)
@as_json
def show(name: str, symbol: str, day: date, as_json: bool) -> None:
    """Show the rules of a market for a symbol on a day.

    Each rule has the day since which it holds, its certainty and its source.
    """
    from backfleet.facts import SymbolFacts
    from backfleet.market import Market

    market = load_plugin("market", name, Market)()
    # Facts about the symbol alone: the command has no job, and so no tables of facts.
    rules = [_rule(table, day) for table in market.tables(SymbolFacts(symbol))]
    if as_json:
        echo_json(rules)
        return
    if not rules:
        click.echo(f"the market {name} has no dated rules")
        return
    columns = ["rule", "value", "unit", "since", "until", "certainty", "source"]
    shown = [_in_percent(rule) for rule in rules]
    cells = [[str(rule[column] or "-") for rule in shown] for column in columns]
    print_fitting(columns, cells, LEFT_OUT_FIRST, "--json")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} must be a date such as 2020-08-24") from None


def _in_percent(rule: dict[str, Any]) -> dict[str, Any]:
    """Return a rule with a fraction or a per mille value in percent, as people write them."""
    for unit, percents in PERCENTS.items():
        if rule["unit"].startswith(unit):
            # Rounded as in `_rule`, because the factor adds an error of its own.
            value = _number(float(rule["value"]) * percents)
            return {**rule, "value": value, "unit": "% of " + rule["unit"].removeprefix(unit)}
    return rule


def _number(value: float) -> str:
    # Ten digits show rates such as 0.0000341 in full; the rest would be the rounding of floats.
    return f"{value:.10f}".rstrip("0").rstrip(".")


def _rule(table: Dated, day: date) -> dict[str, Any]:
    step, until = table.step(day), table.until(day)
    return {
        "rule": table.rule,
        "value": _number(step.value),
        "unit": table.unit,
        "since": step.first.isoformat(),
        "until": until and until.isoformat(),
        "certainty": step.certainty.value,
        "source": step.source,
    }

"""`backfleet ablate`: the costs of the rules of a run's market."""

from __future__ import annotations

import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import click

from backfleet.cli.code_options import data_option, trust_option, with_consent
from backfleet.cli.follow import forget_interrupt
from backfleet.cli.options import (
    as_json,
    echo_json,
    executor_options,
    open_output_option,
    store_option,
    yes_option,
)
from backfleet.cli.table import print_columns
from backfleet.extras import require_extra
from backfleet.results.rule_costs import RuleCosts
from backfleet.runs.ablation import Ablation, PointChoice, plan_ablation
from backfleet.runs.ablation_words import (
    CONVENTION,
    HEADINGS,
    INTERACTION,
    cost_rows,
    describe_ablation,
    describe_failures,
    describe_work,
)
from backfleet.runs.executors import open_executor
from backfleet.runs.open import open_run
from backfleet.runs.run_ablation import AblationWork, ablation_work, run_ablation
from backfleet.runs.task_code import find_task_code

__all__ = ["ablate"]


@click.command()
@click.argument("run")
@store_option
@click.option(
    "--points",
    type=click.Choice(["best", "all"]),
    default="best",
    show_default=True,
    help="Run the best point of the sweep, or all of them.",
)
@click.option(
    "--executor", default="local", show_default=True, metavar="NAME", help="Executor to use."
)
@executor_options
@click.option(
    "--dry-run", is_flag=True, help="Show the work and its cost without starting anything."
)
@yes_option
@trust_option
@data_option
@click.option(
    "--output",
    metavar="FILE",
    help="Also write an HTML page to this file, or with '-' to standard output.",
)
@as_json
def ablate(
    run: str,
    store: str,
    points: PointChoice,
    executor: str,
    options: tuple[str, ...],
    dry_run: bool,
    yes: bool,
    trusted: tuple[str, ...],
    data: tuple[str, ...],
    output: str | None,
    as_json: bool,
) -> None:
    """Show what each rule of a RUN's market costs: run its tasks again with one rule off at a time,
    and without any.

    The runs without rules are stored beside RUN, so that a further call computes only what is
    missing. Changes are the value without the rule minus the value with it. The exit code is 1 if a
    task failed without a rule.
    """
    # Before the runs, which may take hours: a missing library must not lose the page at the end.
    if output is not None:
        require_extra("report")
    opened = open_run(run, store)
    code = with_consent(partial(find_task_code, opened, "kept"), trusted)
    ablation, chosen = plan_ablation(code, points, data), open_executor(executor, options)
    if dry_run:
        _show_work(ablation, ablation_work(ablation, chosen), as_json=as_json)
        return
    try:
        costs = run_ablation(
            ablation,
            chosen,
            progress=None if as_json else sys.stderr,
            accept_cost=yes,
        )
    except KeyboardInterrupt:
        # Finished tasks are stored by then, so the same command continues where it stopped.
        forget_interrupt()
        click.echo(
            "\nstopped; finished tasks are kept. The same command continues where it stopped",
            err=True,
        )
        sys.exit(1)
    if output is not None:
        _write_page(ablation, costs, output)
    if as_json:
        echo_json(_json(ablation, costs))
    # With '-', standard output is the page and nothing else.
    elif output != "-":
        _show(ablation, costs)
    # None says that no task ran again because no rule touches one: an answer and no failure.
    is_failed = costs is not None and any(cost.failed for cost in (*costs.rules, costs.together))
    sys.exit(1 if is_failed else 0)


def _show_work(ablation: Ablation, work: AblationWork, *, as_json: bool) -> None:
    if as_json:
        facts = {"run_id": ablation.run.id, "point": ablation.point, "runs": len(ablation.variants)}
        echo_json({**facts, **asdict(work)})
        return
    for line in (*describe_ablation(ablation, None), *describe_work(ablation, work)):
        click.echo(line)


def _write_page(ablation: Ablation, costs: RuleCosts | None, output: str) -> None:
    from backfleet.report.ablation_page import ablation_page
    from backfleet.report.page import render_file

    page = render_file(ablation_page(ablation, costs))
    with open_output_option(output) as file:
        file.write(page.encode())
    # Standard output belongs to the table, to JSON or to the page itself.
    if output != "-":
        click.echo(f"page: {Path(output).absolute()}", err=True)


def _json(ablation: Ablation, costs: RuleCosts | None) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "run_id": ablation.run.id,
        "point": ablation.point,
        "tasks": len(ablation.tasks),
        "untouched": list(ablation.untouched),
    }
    if costs is None:
        return {**facts, "with_rules": None, "rules": [], "together": None, "interaction": None}
    return {
        **facts,
        "with_rules": costs.with_rules,
        "rules": [asdict(cost) for cost in costs.rules],
        "together": asdict(costs.together),
        "interaction": costs.interaction,
    }


def _show(ablation: Ablation, costs: RuleCosts | None) -> None:
    for line in describe_ablation(ablation, costs):
        click.echo(line)
    if costs is None:
        return
    click.echo(f"\n{CONVENTION}\n")
    # `cost_rows` has one element per rule, and the table wants one per column.
    print_columns(HEADINGS, [list(column) for column in zip(*cost_rows(costs), strict=True)])
    if len(costs.rules) > 1:
        click.echo(f"\n{INTERACTION}")
    for line in describe_failures(costs):
        click.echo(line, err=True)

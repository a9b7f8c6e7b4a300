"""The pages of the server: the list of runs, and the reports with links between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from backfleet.errors import cut_text, error_line
from backfleet.report.comparison_page import comparison_page
from backfleet.report.data_table import Heading, data_table
from backfleet.report.page import Page, render_linked
from backfleet.report.sweep_page import sweep_page
from backfleet.report.task_page import task_page
from backfleet.runs.facts import CODE_DIGITS
from backfleet.runs.run import Run
from backfleet.serve.run_catalog import Listed

__all__ = ["comparison_html", "problem_html", "run_page", "runs_context", "runs_html", "task_html"]

PACKAGE = "backfleet.serve"
# "" stands for a status that is not known yet.
UNFINISHED = ("", "running")

MAX_PROBLEM_CHARS = 2000
"""A message may quote a long text of the store or of the request."""

HEADINGS = (
    Heading("name", "Run"),
    Heading("strategy", "Strategy"),
    Heading("first", "Data", "time", "The first and the last session, and the symbols."),
    Heading("parameters", "Parameters", tip="Parameters, then the account, market and costs."),
    Heading("best", "Best", "number", "The best task with enough trades, by the metric below."),
    Heading("median", "Median", "number", "The median over all tasks that have the metric."),
    Heading("state", "State"),
    Heading("seconds", "Compute time", "number", "Of all tasks, and below it what was charged."),
    Heading("created", "Planned", "time", "In UTC."),
    Heading("run_id", "Run id", shown=False),
    Heading("tags", "Tags", shown=False),
    Heading("code", "Code", shown=False),
    Heading("setup", "Setup", shown=False),
    Heading("last", "Last session", "time", shown=False),
    Heading("symbols", "Symbols", "count", shown=False),
    Heading("metric", "Metric", shown=False),
    Heading("part", "Progress", "percent", shown=False),
    Heading("tasks", "Tasks", "count", shown=False),
    Heading("suspicious", "Suspicious", "count", shown=False),
    Heading("error", "Failed", "count", shown=False),
    Heading("charged", "Charged", shown=False),
)
NUMBERS = ("count", "percent", "number")


def runs_html(runs: Sequence[Listed], store: str) -> str:
    """Return the page with the list of runs."""
    page = Page(
        template="runs.html",
        title=f"{store} · backfleet",
        context={"store": store, "count": len(runs)},
        data={"runs": runs_context(runs)["table"]} if runs else {},
        scripts=("filter.js", "table.js", "runs.js"),
        package=PACKAGE,
    )
    return render_linked(page)


def runs_context(runs: Sequence[Listed]) -> Mapping[str, Any]:
    """Return the list as plain JSON, and whether it is worth asking again soon."""
    import pandas as pd

    rows = [_checked_row(listed) for listed in runs]
    # The columns are named, so that a list without runs has them, too.
    frame = pd.DataFrame(rows, columns=[heading.name for heading in HEADINGS])
    for heading in HEADINGS:
        if heading.form in NUMBERS:
            # None becomes NaN; otherwise the column would be one of texts.
            frame[heading.name] = frame[heading.name].astype(float)
    soon = any(row["state"] in UNFINISHED for row in rows)
    return {"table": data_table(frame, HEADINGS), "soon": soon}


def _checked_row(listed: Listed) -> dict[str, Any]:
    """Return the row of a run; one that says so if its numbers or texts cannot be shown."""
    try:
        row = _row(listed)
        # pandas would refuse the whole table for one lone surrogate.
        "".join(str(value) for value in row.values()).encode()
        return row
    except (OverflowError, UnicodeEncodeError) as error:
        # A forged manifest can have whole numbers that no float holds.
        return _row(Listed(listed.run_id, problem=error_line(error)))


def _row(listed: Listed) -> dict[str, Any]:
    facts, status = listed.facts, listed.status
    row: dict[str, Any] = dict.fromkeys(heading.name for heading in HEADINGS)
    row |= {
        "run_id": listed.run_id,
        "name": listed.problem,
        "state": "damaged" if listed.problem else "",
        # Text that sorts by time, in UTC.
        "created": listed.created.removesuffix("+00:00").replace("T", " "),
    }
    if facts is not None:
        row |= {
            "name": facts.name,
            "strategy": facts.strategy,
            "code": facts.code[:CODE_DIGITS],
            "first": facts.first,
            "last": facts.last,
            "symbols": float(facts.symbols),
            "parameters": facts.parameters,
            "setup": facts.setup,
            "tasks": float(facts.tasks),
        }
    if facts is not None and status is not None:
        counts, cost = status.counts, status.cost
        row |= {
            "state": status.state,
            "part": counts.done / facts.tasks if facts.tasks else None,
            "suspicious": counts.suspicious,
            "error": counts.error,
            "seconds": counts.seconds,
            "tags": status.tags or None,
            "charged": None if cost is None else f"{cost.amount:,.2f} {cost.currency}",
        }
        if status.scores is not None and status.scores.metric:
            scores = status.scores
            row |= {"metric": scores.metric, "best": scores.best, "median": scores.median}
    return row


def run_page(run: Run, metric: str | None) -> str:
    """Return the report of a run, with live updates while it is running."""
    page = sweep_page(run, metric)
    # Only a page that is still changing asks the server for its progress.
    live = page.context["facts"].state == "running"
    scripts = (*page.scripts, "live.js") if live else page.scripts
    return _linked(replace(page, scripts=scripts), live=live)


def task_html(run: Run, task: int) -> str:
    """Return the report of a task."""
    return _linked(task_page(run, task))


def comparison_html(first: Run, second: Run, metric: str | None) -> str:
    """Return the comparison of two runs."""
    return _linked(comparison_page(first, second, metric))


def problem_html(title: str, text: str) -> str:
    """Return a page that describes an error."""
    shown = {"heading": title, "text": cut_text(text, MAX_PROBLEM_CHARS)}
    page = Page("problem.html", f"{title} · backfleet", shown)
    return render_linked(replace(page, package=PACKAGE))


def _linked(page: Page, *, live: bool = False) -> str:
    return render_linked(replace(page, context={**page.context, "live": live}))

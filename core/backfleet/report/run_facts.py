"""Facts about a run that a page shows beside its numbers."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backfleet.console import count_of
from backfleet.plan.identity import MarketIdentity
from backfleet.report.job_text import job_text
from backfleet.results.chunk_index import Counts
from backfleet.runs.broker_words import broker_words
from backfleet.runs.facts import RunState
from backfleet.runs.run import Run

__all__ = ["PageFacts", "page_facts"]

STATES: Mapping[RunState, str] = {
    "running": "The run is in progress: the page shows the results so far.",
    "canceled": "The run was canceled: the page shows the results up to then.",
    "failed": "The run's workers failed before all tasks were finished.",
    "incomplete": "The run is incomplete, and no active worker is known.",
}
RESUMABLE: Sequence[RunState] = ("canceled", "failed", "incomplete")


@dataclass(frozen=True)
class PageFacts:
    """Facts about a run that pages show.

    Attributes
    ----------
    warnings
        Sentences about what is wrong with the run, for the top of the page.
    details
        Label to text.
    job
        The job as a job file.
    commands
        What for, to the command.
    """

    id: str
    name: str
    state: RunState
    counts: Counts
    warnings: Sequence[str]
    details: Mapping[str, str]
    job: str
    commands: Mapping[str, str]


def page_facts(run: Run) -> PageFacts:
    """Return the facts about a run. Raises StoreError, CorruptObject."""
    counts = run.counts()
    state = run.state()
    return PageFacts(
        id=run.id,
        name=run.manifest.name,
        state=state,
        counts=counts,
        warnings=_warnings(run, state, counts),
        details=_details(run, counts),
        job=job_text(run),
        commands=_commands(run, state, counts),
    )


def _warnings(run: Run, state: RunState, counts: Counts) -> Sequence[str]:
    # A complete run needs no warning.
    lines = [STATES[state]] if state in STATES else []
    notes = dict(run.manifest.notes.lines(len(run.manifest.symbols)))
    lines += [f"Symbols left out: {notes['skipped']}"] if "skipped" in notes else []
    lines += [f"Doubts about the data: {notes['doubts']}"] if "doubts" in notes else []
    if counts.missing:
        lines.append(f"{counts.missing:,} of {counts.tasks:,} tasks have no result yet.")
    if counts.done and counts.error == counts.done:
        lines.append("Every task that ran failed: there are no numbers to show.")
    if state in RESUMABLE:
        # Many workers of a run fail for the same reason.
        reasons = dict.fromkeys(f"{failure.kind}: {failure.message}" for failure in run.failures())
        lines.extend(reasons)
    return lines


def _details(run: Run, counts: Counts) -> Mapping[str, str]:
    manifest, identity = run.manifest, run.manifest.identity
    data, broker, versions = identity.data, manifest.broker, identity.versions
    notes = dict(manifest.notes.lines(len(manifest.symbols)))
    first = min(symbol.first for symbol in manifest.symbols)
    last = max(symbol.last for symbol in manifest.symbols)
    return {
        "Run": run.id,
        "Store": run.url,
        "Planned": manifest.created,
        "Strategy": identity.strategy.target,
        "Code": identity.strategy.code[:16],
        **({"Files": ", ".join(identity.files)} if identity.files else {}),
        "Tasks": _grid(run),
        "Data": f"{data.source.name}, {first} to {last}, {data.timezone}",
        **({"Prices": notes["prices"]} if "prices" in notes else {}),
        **({"Warm-up": notes["warm-up"]} if "warm-up" in notes else {}),
        **({"Survivorship": notes["survivorship"]} if "survivorship" in notes else {}),
        **({"Universe": notes["universe"]} if "universe" in notes else {}),
        "Cash": f"{broker.cash:,.2f}",
        **broker_words(broker),
        **({} if identity.market is None else {"Market": _market(identity.market, notes)}),
        "Engine": ", ".join(engine.name for engine in identity.engines),
        "Seed": str(identity.seed),
        "Compute time": f"{counts.seconds:,.1f} s, summed over the tasks",
        "Versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
    }


def _market(market: MarketIdentity, notes: Mapping[str, str]) -> str:
    off = f", without {', '.join(market.off)}" if market.off else ""
    actions = f"{market.rules.name}{off}; corporate actions: {market.actions}"
    return f"{actions}; {notes['market']}" if "market" in notes else actions


def _grid(run: Run) -> str:
    symbols, points = len(run.manifest.symbols), len(run.manifest.points)
    counted = count_of(points, "point")
    if run.manifest.is_portfolio:
        return f"{run.manifest.tasks:,}: one portfolio of {symbols:,} symbols × {counted}"
    return f"{run.manifest.tasks:,}: {count_of(symbols, 'symbol')} × {counted}"


def _commands(run: Run, state: RunState, counts: Counts) -> Mapping[str, str]:
    name = shlex.quote(run.url)
    # The job file is the one that the page shows.
    commands = {"Run it again": "backfleet run job.toml"}
    if state in RESUMABLE:
        commands["Resume"] = f"backfleet resume {name}"
    elif counts.retryable:
        commands["Retry failed tasks"] = f"backfleet resume {name} --retry-failed"
    commands["All rows"] = f"backfleet results {name} --format csv"
    commands["Verify bit for bit"] = f"backfleet verify {name}"
    return commands

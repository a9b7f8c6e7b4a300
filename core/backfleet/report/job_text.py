"""A run's job as a job file again, written from what the manifest and the submission say."""

from __future__ import annotations

import glob
import re
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from typing import Any

from backfleet.errors import CorruptObject, RunNotFound
from backfleet.plan.broker import broker_table
from backfleet.plan.identity import FeedIdentity
from backfleet.runs.run import Run
from backfleet.runs.validation_rule import read_rule
from backfleet.store.records import warn_of_damage
from backfleet.submission import Submission

__all__ = ["job_text"]

MAX_LINE_CHARS = 88
NO_FACTS_PATH = "where the facts lie"
_NO_NONE = "TOML cannot write it, so set it from Python."
_LIST = re.compile(r"\[\n((?:    (?!\[$).+,\n)+)\]", re.MULTILINE)
"""A list of plain values as tomli_w writes it, one per line."""


def job_text(run: Run) -> str:
    """Return the job as TOML. For a table of explicit points, a comment says how to give it again.

    The text includes defaults that the job did not set, and the location of the data as the workers
    saw it. With the same code and data, this job is the same run.
    """
    import tomli_w

    manifest = run.manifest
    identity = manifest.identity
    points = manifest.base_points.describe()
    job: dict[str, Any] = {
        "name": manifest.name,
        "strategy": _strategy(run),
        # Only `auto` gives a run several engines, the first of which runs it.
        "engine": "auto" if len(identity.engines) > 1 else manifest.engine,
        "seed": identity.seed,
    }
    if identity.plugins:
        job["plugins"] = [plugin.name for plugin in identity.plugins]
    if identity.modules:
        job["modules"] = list(identity.modules)
    if identity.files:
        # The identity has names of files, and the key of a job takes patterns.
        job["files"] = [glob.escape(name) for name in identity.files]
    notes: list[str] = []
    if points.axes is not None:
        # A parameter can only be None if that is its default, and TOML has no word for it.
        axes = {name: list(values) for name, values in points.axes.items()}
        given = {name: values for name, values in axes.items() if values != [None]}
        unwritable = [name for name, values in given.items() if None in values]
        notes += [f"# params.{name} has None among its values: {_NO_NONE}\n" for name in unwritable]
        job["params"] = {
            name: _axis([value for value in values if value is not None])
            for name, values in given.items()
        }
        sweep = {"where": points.where, "sample": points.sample}
        sweep = {name: value for name, value in sweep.items() if value}
        job |= {"sweep": sweep} if sweep else {}
    else:
        notes.append(f"# The {points.count:,} points came from a table (digest {points.digest}):\n")
        notes.append("# give it again as sweep.points.\n")
    job["data"] = _data(run)
    job["broker"] = broker_table(identity.broker)
    if identity.broker.sizer is not None:
        job["sizer"] = identity.broker.sizer.table()
    # One table per signal, listed by kind, as `[[signals.long]]` in a job file.
    for signal in identity.signals:
        job.setdefault("signals", {}).setdefault(signal.kind, []).append(signal.call.table())
    market = identity.market
    if market is not None:
        job["market"] = {**asdict(market), "rules": market.rules.name, "off": list(market.off)}
    job["results"] = _results(run)
    validation = _validation(run)
    if validation:
        job["validation"] = validation
    return "".join(notes) + _LIST.sub(_on_one_line, tomli_w.dumps(job))


def _validation(run: Run) -> dict[str, Any]:
    """Return the family of the run, and the windows that it was last submitted with."""
    manifest = run.manifest
    # The strategy's target is the default family, which a job need not name.
    has_family = manifest.family != manifest.identity.strategy.target
    family = {"family": manifest.family} if has_family else {}
    try:
        rule = read_rule(run.store)
    except CorruptObject:
        # The page says so where it shows the folds.
        rule = None
    return family | (rule.model_dump(mode="json", exclude_defaults=True) if rule else {})


def _on_one_line(match: re.Match[str]) -> str:
    """Return a list on one line if it is short enough, and otherwise as it was."""
    line = "[" + " ".join(line.strip() for line in match[1].splitlines()).rstrip(",") + "]"
    return line if len(line) <= MAX_LINE_CHARS else match[0]


def _strategy(run: Run) -> str:
    newest = _newest_submission(run)
    if newest is None:
        return run.manifest.identity.strategy.target
    return newest.strategy.reference


def _newest_submission(run: Run) -> Submission | None:
    """Return the newest submission; None if the run was never submitted, or if none can be read."""
    try:
        return run.latest_submission().submission
    except RunNotFound:
        return None
    except CorruptObject as error:
        warn_of_damage(error, "The page does not name the data's folder")
        return None


def _axis(values: list[Any]) -> Any:
    if len(values) > 1:
        return values
    (value,) = values
    # A list would be read as several values to sweep.
    return {"value": value} if isinstance(value, list) else value


def _data(run: Run) -> dict[str, Any]:
    data = run.manifest.identity.data
    path, feeds, facts = _places(run)
    made = _origin(data, path) | {
        "symbols": [symbol.name for symbol in run.manifest.symbols],
        "universe": data.universe,
        "warmup": data.warmup,
    }
    for name, day in (("start", data.start), ("end", data.end)):
        if day is not None:
            made[name] = date.fromisoformat(day)
    auxiliary = {
        name: _origin(feed, feeds.get(name, path)) | {"symbols": [feed.symbol]}
        for name, feed in data.auxiliary.items()
    }
    if data.feeds:
        made |= {"feeds": list(data.feeds)}
        # `data.feeds` stands in place of both keys.
        del made["symbols"], made["universe"]
    if data.facts:
        made["facts"] = facts
    if data.session_end:
        made["session_end"] = data.session_end
    auxiliary |= {name: {"resample": span} for name, span in data.resampled.items()}
    if auxiliary:
        made["auxiliary"] = auxiliary
    return made


def _places(run: Run) -> tuple[str, Mapping[str, str], str]:
    """Return the paths of the workers' data; a run that was never submitted has none."""
    newest = _newest_submission(run)
    if newest is None:
        return "where the data lies", {}, NO_FACTS_PATH
    return newest.data_path, newest.auxiliary_paths, newest.facts_path or NO_FACTS_PATH


def _origin(feed: FeedIdentity, path: str) -> dict[str, Any]:
    made: dict[str, Any] = {
        "source": feed.source.name,
        "path": path,
        "timezone": feed.timezone,
    }
    if feed.columns:
        made["columns"] = list(feed.columns)
    if feed.options:
        # TOML has no None, which is the default of these options.
        made["options"] = {k: v for k, v in feed.options.items() if v is not None}
    return made


def _results(run: Run) -> dict[str, Any]:
    # A run is in a folder of its store that has the run's id as its name.
    store = run.url.removesuffix(f"/{run.id}")
    results = run.manifest.identity.results
    keys = asdict(results)
    keys["analyzers"] = {name: call.table() for name, call in results.analyzers}
    # The digest follows from the data, and is no key of a job.
    del keys["benchmark_digest"]
    if not results.analyzers:
        del keys["analyzers"]
    return {"store": store, **keys}

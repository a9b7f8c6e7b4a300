"""The data and resources with which the tasks of a stored run run again."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from backfleet.errors import UserError
from backfleet.job.job_errors import suggestion
from backfleet.job.model import Resources
from backfleet.job.paths import absolute_path
from backfleet.runs.run import Run
from backfleet.strategy_reference import StrategyReference
from backfleet.submission import Submission

__all__ = ["DataPaths", "data_paths", "default_submission", "newest_submission"]

FACTS = "facts"
"""How `--data` names the facts; no auxiliary feed has this name."""


def newest_submission(run: Run) -> Submission | None:
    """Return the newest submission of a run; None for a run that came from elsewhere."""
    newest = run.submission_log.newest()
    return None if newest is None else newest.submission


def default_submission(run: Run) -> Submission:
    """Return a submission with the default resources, without strategy, data and shards."""
    resources = Resources()
    return Submission(
        run_id=run.id,
        number=0,
        name=run.manifest.name,
        executor="",
        engine=run.manifest.engine,
        created="",
        strategy=StrategyReference(""),
        data_path="",
        shards=(),
        cpus=resources.cpus,
        memory=resources.memory,
        task_timeout=resources.task_timeout,
    )


class DataPaths(NamedTuple):
    """The paths of the data of a run's tasks.

    Attributes
    ----------
    data
        The data of the symbols.
    feeds
        The data of each auxiliary feed, by its name.
    facts
        The facts about the symbols; None for a run without facts.
    """

    data: str
    feeds: Mapping[str, str]
    facts: str | None


def data_paths(run: Run, given: Sequence[str]) -> DataPaths:
    """Return where the tasks of a run find their data.

    Parameters
    ----------
    given
        Where the data is instead of where the run's workers found it: `PATH`, `FEED=PATH` for an
        auxiliary feed that is elsewhere, and `facts=PATH`.

    Raises UserError if nothing says where the data or the facts are.
    """
    submission = newest_submission(run)
    data = run.manifest.identity.data
    feeds = data.auxiliary
    names = {*feeds, FACTS} if data.facts else {*feeds}
    # A path may contain "=", so only known names before it count.
    parts = [part.partition("=") for part in given]
    # Tasks run again in an empty folder, where a relative path would lead nowhere.
    named = {name: absolute_path(path) for name, _, path in parts if name in names}
    plain = [absolute_path("".join(part)) for part in parts if part[0] not in names]
    for name, equals, path in parts:
        is_name = name not in names and equals and "/" not in name
        if is_name and not os.path.exists(f"{name}={path}"):
            raise UserError(
                f"--data {name}={path}: the run has no auxiliary feed {name!r}"
                f"{suggestion(name, names)}, and there is no directory of this name"
            )
    if len(plain) > 1:
        raise UserError(
            f"--data {plain[1]}: the run has one data directory beside its auxiliary feeds "
            f"({', '.join(feeds) or 'none'}){' and its facts' if data.facts else ''}; give another "
            "one as FEED=DIR or facts=DIR"
        )
    if submission is None and not plain:
        raise UserError(
            f"{run.url} was never submitted from here, so nothing says where its data is. Pass "
            "--data DIR; the data's digests are checked"
        )
    path = plain[0] if plain else submission.data_path if submission else ""
    before = {} if submission is None else dict(submission.auxiliary_paths)
    facts = None if submission is None else submission.facts_path
    if plain and submission is not None:
        # What was beside the data is expected there again.
        before = {
            name: path if place == submission.data_path else place for name, place in before.items()
        }
        facts = _moved(facts, submission.data_path, path)
    # What the user names wins over the stored and the moved path.
    facts = named.get(FACTS, facts)
    if data.facts and facts is None:
        raise UserError(
            f"{run.url} has facts, and nothing says where they are. Pass --data facts=DIR, too"
        )
    return DataPaths(path, {name: named.get(name, before.get(name, path)) for name in feeds}, facts)


def _moved(facts: str | None, before: str, now: str) -> str | None:
    """Return where the facts are if they moved with the data that they were in."""
    # The slash keeps `/data2` from counting as a folder in `/data`.
    if facts is None or not f"{facts}/".startswith(f"{before.rstrip('/')}/"):
        return facts
    return now.rstrip("/") + facts[len(before.rstrip("/")) :]

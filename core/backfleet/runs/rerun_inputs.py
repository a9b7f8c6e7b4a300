"""Where the tasks of a stored run find their data and resources when they run again."""

from __future__ import annotations

from collections.abc import Sequence

from backfleet.errors import UserError
from backfleet.job.model import Resources
from backfleet.runs.run import Run
from backfleet.strategy_reference import StrategyReference
from backfleet.submission import Submission

__all__ = ["data_paths", "default_submission", "newest_submission"]


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


def data_paths(run: Run, given: Sequence[str]) -> tuple[str, dict[str, str]]:
    """Return the path of the data, and of each auxiliary feed.

    Parameters
    ----------
    given
        Where the data is instead of where the run's workers found it: `PATH`, and `FEED=PATH` for
        an auxiliary feed that is elsewhere.

    Raises UserError if nothing says where the data is.
    """
    submission = newest_submission(run)
    feeds = run.manifest.identity.data.auxiliary
    named = dict(part.split("=", 1) for part in given if part.partition("=")[0] in feeds)
    plain = [part for part in given if part.partition("=")[0] not in feeds]
    if len(plain) > 1:
        raise UserError(
            f"--data {plain[1]}: the run has one data directory beside its auxiliary feeds "
            f"({', '.join(feeds) or 'none'}); give another feed's as FEED=DIR"
        )
    if submission is None and not plain:
        raise UserError(
            f"{run.url} was never submitted from here, so nothing says where its data is. Pass "
            "--data DIR; the data's digests are checked"
        )
    path = plain[0] if plain else submission.data_path if submission else ""
    before = {} if submission is None else dict(submission.auxiliary_paths)
    if plain and submission is not None:
        # Feeds that were beside the data are expected there again.
        before = {
            name: path if place == submission.data_path else place for name, place in before.items()
        }
    return path, {name: named.get(name, before.get(name, path)) for name in feeds}

"""Folds in words, for the command line and the report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from backfleet.console import count_of
from backfleet.job.validation import Validation
from backfleet.validation.bootstrap import Interval
from backfleet.validation.folds import MIN_SESSIONS, FoldChoice
from backfleet.validation.out_of_sample import StitchedAccount
from backfleet.validation.walk_forward import Folds

__all__ = ["describe_folds", "describe_rule", "summarize_folds"]

MAX_LISTED = 10

NO_COSTS = 'Trades and fees are not stored, because the job has results.detail = "summary".'


def describe_rule(rule: Validation, folds: int) -> str:
    """Return the windows and the rule in words: `7 folds (rolling, train 3 years, test 1 year),
    chosen by sharpe`."""
    parts = [str(rule.windows)]
    if rule.windows == "groups":
        parts.append(f"{rule.test_groups} of {rule.groups} tested")
    for name, length in (("train", rule.train), ("test", rule.test), ("step", rule.step)):
        parts += [f"{name} {length}"] if length is not None else []
    parts += [f"purge {rule.purge:,}"] if rule.purge else []
    parts += [f"embargo {rule.embargo:,}"] if rule.embargo else []
    chosen = f"chosen by {rule.select}" + (" with neighbors" if rule.plateau else "")
    chosen += f" where {rule.where}" if rule.where else ""
    chosen += " for each symbol" if rule.per == "symbol" else ""
    return f"{count_of(folds, 'fold')} ({', '.join(parts)}), {chosen}"


def describe_folds(folds: Folds) -> list[str]:
    """Return what the folds say, a sentence per line; the folds were read with their costs."""
    # They were asked for, so without them the run does not store them.
    lacks_costs = folds.account is not None and folds.account.trades is None
    return [
        f"{describe_rule(folds.rule, len(folds.windows.folds))}.",
        *_scores(folds),
        *_rank(folds),
        *_changes(folds),
        *([] if folds.account is None else [_account(folds, folds.account)]),
        *([NO_COSTS] if lacks_costs else []),
        *_hindsight(folds),
        *_paths(folds),
        *_gaps(folds),
        *_holdout(folds),
    ]


def summarize_folds(folds: Folds) -> list[str]:
    """Return the lines of `describe_folds` that stand at the end of a run."""
    return [
        f"{describe_rule(folds.rule, len(folds.windows.folds))}.",
        *_scores(folds),
        *([] if folds.account is None else [_account(folds, folds.account)]),
        *_paths(folds),
        *_gaps(folds),
        *_holdout(folds),
    ]


def _scores(folds: Folds) -> Iterator[str]:
    if folds.train_score is not None and folds.test_score is not None:
        yield (
            f"Mean {folds.rule.select} of the chosen points over the folds: "
            f"{folds.train_score:z.2f} in training, {folds.test_score:z.2f} in the tests."
        )


def _rank(folds: Folds) -> Iterator[str]:
    if folds.rank is not None:
        error = (
            "" if folds.rank_error is None else f"; the standard error is {folds.rank_error:.2f}"
        )
        yield (
            f"In the tests they stand at {folds.rank:.2f} among all points, where 0.5 is chance "
            f"and 1 is best{error}."
        )


def _changes(folds: Folds) -> Iterator[str]:
    steps = len(folds.consecutive)
    if steps:
        yield f"The chosen point changed {folds.changes:,} of {count_of(steps, 'time')}."


def _account(folds: Folds, account: StitchedAccount) -> str:
    metrics, interval = account.metrics, folds.interval
    parts = [f"return {_percent(metrics['total_return'])}"]
    sharpe = metrics["sharpe"]
    if sharpe is not None:
        bounds = ""
        if isinstance(interval, Interval):
            bounds = f" ({interval.level:.0%} between {interval.low:z.2f} and {interval.high:z.2f})"
        parts.append(f"Sharpe {sharpe:z.2f}{bounds}")
    parts.append(f"drawdown {_percent(metrics['max_drawdown'])}")
    if account.trades is not None and account.fees is not None:
        parts.append(f"{count_of(account.trades, 'trade')}, {account.fees:,.2f} fees")
    return (
        f"The stitched account of the tests, {account.days[0]} to {account.days[-1]}: "
        f"{', '.join(parts)}."
    )


def _hindsight(folds: Folds) -> Iterator[str]:
    if folds.hindsight is not None and folds.hindsight.metrics["sharpe"] is not None:
        metrics = folds.hindsight.metrics
        yield (
            "The best point of all sessions, which nobody could know, in the same tests: return "
            f"{_percent(metrics['total_return'])}, Sharpe {metrics['sharpe']:z.2f}."
        )


def _paths(folds: Folds) -> Iterator[str]:
    quantiles = folds.path_quantiles()
    if quantiles is not None and folds.paths is not None:
        low, middle, high = (quantiles[level] for level in (0.05, 0.5, 0.95))
        yield (
            f"Sharpe of {count_of(len(folds.paths), 'path')}: median {middle:z.2f}, 90% between "
            f"{low:z.2f} and {high:z.2f}. Paths share data, so their spread is no standard error."
        )


def _gaps(folds: Folds) -> Iterator[str]:
    in_cash = [choice for choice in folds.choices if choice.point is None]
    if in_cash:
        rule = folds.rule.where
        missing = f"satisfies {rule}" if rule else f"has a {folds.rule.select}"
        yield f"{_named(in_cash, folds)} cash, because no point {missing} in the training window."
    left_out = folds.left_out
    if left_out:
        yield (
            f"In {count_of(left_out, 'case')} a symbol was left out of a fold, because it has "
            f"fewer than {MIN_SESSIONS} sessions in a window."
        )
    if any(fold.is_short for fold in folds.windows.folds):
        yield "The last test window is shorter than the others, because the data end."


def _named(in_cash: Sequence[FoldChoice], folds: Folds) -> str:
    """Return the folds that hold cash, up to the verb: `Folds 2, 3 and 4 hold`."""
    if len(in_cash) == len(folds.choices) > 1:
        return f"All {count_of(len(folds.windows.folds), 'fold')} hold"
    names = [
        f"{choice.fold} ({choice.symbol})" if choice.symbol else f"{choice.fold}"
        for choice in in_cash[:MAX_LISTED]
    ]
    if len(in_cash) == 1:
        return f"Fold {names[0]} holds"
    more = len(in_cash) - MAX_LISTED
    last = f"{more:,} more" if more > 0 else names.pop()
    return f"Folds {', '.join(names)} and {last} hold"


def _holdout(folds: Folds) -> Iterator[str]:
    if folds.looks is None:
        return
    since, runs = folds.rule.holdout, count_of(folds.looks, "run")
    yield f"The holdout from {since} on was seen by {runs} of this strategy's family in the store."
    scores = [choice for choice in folds.holdout if choice.test_score is not None]
    # With a choice for each symbol there are too many for sentences; the JSON has all of them.
    if len(scores) == 1 and scores[0].symbol is None:
        (choice,) = scores
        rank = "" if choice.rank is None else f", at {choice.rank:.2f} among all points"
        yield (
            f"Point {choice.point}, chosen before the holdout, has {folds.rule.select} "
            f"{choice.test_score:z.2f} in it{rank}."
        )


def _percent(value: float | None) -> str:
    return "unknown" if value is None else f"{value:z.1%}"

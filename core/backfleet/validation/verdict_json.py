"""A verdict as plain JSON. Sharpe ratios are annual; a figure that is missing is its reason."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from backfleet.store.plain_json import to_plain
from backfleet.validation.bootstrap import Interval
from backfleet.validation.missing import Missing
from backfleet.validation.moments import Moments
from backfleet.validation.noise_band import noise_band
from backfleet.validation.sharpe import Deflated, annualize
from backfleet.validation.track_record import TrackRecord
from backfleet.validation.verdict import Evidence, Overfitting, Verdict, counted_trials
from backfleet.validation.wording import describe_verdict

__all__ = ["verdict_json"]


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """Return the numbers of a verdict, and its sentences."""
    evidence = verdict.evidence
    moments, ledger = evidence.moments, evidence.ledger
    return {
        "level": str(verdict.level),
        "reason": None if verdict.reason is None else str(verdict.reason),
        "trial": evidence.noun,
        "trials": evidence.trials,
        "counted_trials": counted_trials(evidence),
        "ledger": None if ledger is None else asdict(ledger),
        "symbols": evidence.symbols,
        "best": None if evidence.best is None else to_plain(evidence.best),
        "sharpe": _sharpe(evidence),
        "sessions": moments.n if isinstance(moments, Moments) else 0,
        "sessions_per_year": evidence.periods,
        "trades": evidence.trades,
        "deflated_sharpe": _deflated(verdict.counted, evidence),
        "deflated_sharpe_of_run": _deflated(verdict.deflated, evidence),
        "interval": _interval(evidence.interval),
        "needed": _record(verdict.record),
        "needed_against_luck": _record(verdict.luck_record),
        "pbo": _overfitting(evidence.overfitting),
        "folds": None if evidence.folds is None else to_plain(evidence.folds),
        "failed": evidence.failed,
        "missing": evidence.missing,
        "words": describe_verdict(verdict),
    }


def _sharpe(evidence: Evidence) -> float | str:
    moments = evidence.moments
    if not isinstance(moments, Moments):
        return str(moments)
    return annualize(moments.sharpe, evidence.periods)


def _deflated(deflated: Deflated | Missing, evidence: Evidence) -> Any:
    if not isinstance(deflated, Deflated):
        return str(deflated)
    luck = deflated.luck
    return {
        "probability": deflated.probability,
        "trials": luck.trials,
        "luck": annualize(luck.mean, evidence.periods),
        "luck_mark": annualize(luck.mark, evidence.periods),
    }


def _interval(interval: Interval | Missing | None) -> Any:
    return asdict(interval) if isinstance(interval, Interval) else _reason(interval)


def _record(record: TrackRecord | Missing) -> Any:
    if not isinstance(record, TrackRecord):
        return str(record)
    is_finite = math.isfinite(record.years)
    return {
        "years": record.years if is_finite else None,
        "available_years": record.available_years,
        "end": record.end.isoformat() if record.end else None,
    }


def _overfitting(overfitting: Overfitting | Missing | None) -> Any:
    if not isinstance(overfitting, Overfitting):
        return _reason(overfitting)
    band = noise_band(overfitting.points)
    return asdict(overfitting) | {"noise_low": band.low, "noise_high": band.high}


def _reason(missing: Missing | None) -> str | None:
    return None if missing is None else str(missing)

"""A verdict as plain JSON. Sharpe ratios are annual; a figure that is missing is its reason."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from backfleet.store.plain_json import to_plain
from backfleet.validation.bootstrap import Interval
from backfleet.validation.missing import Missing
from backfleet.validation.moments import Moments
from backfleet.validation.noise_band import noise_band
from backfleet.validation.sharpe import Deflated, annualize
from backfleet.validation.track_record import TrackRecord
from backfleet.validation.verdict import Evidence, Overfitting, Verdict, counted_trials
from backfleet.validation.wording import describe_verdict

if TYPE_CHECKING:
    from backfleet.validation.task_verdicts import SymbolVerdicts

__all__ = ["overfitting_json", "symbols_json", "verdict_json"]


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
        "min_trades": evidence.min_trades,
        "sharpe": _sharpe(evidence),
        # Statistics that are missing keep their key: a number is replaced by the reason as a text.
        "sessions": moments.n if isinstance(moments, Moments) else 0,
        "sessions_per_year": evidence.periods,
        "trades": evidence.trades,
        "deflated_sharpe": _deflated(verdict.counted, evidence),
        "deflated_sharpe_of_run": _deflated(verdict.deflated, evidence),
        "interval": _interval(evidence.interval),
        "needed": _record(verdict.record),
        "needed_against_luck": _record(verdict.luck_record),
        "pbo": overfitting_json(evidence.overfitting),
        "folds": None if evidence.folds is None else to_plain(evidence.folds),
        "idle": evidence.idle,
        "failed": evidence.failed,
        "missing": evidence.missing,
        "words": describe_verdict(verdict),
    }


def symbols_json(symbols: SymbolVerdicts) -> dict[str, Any]:
    """Return the best point of each symbol, with its p-value adjusted for the other symbols."""
    return asdict(symbols.discoveries) | {
        "best": [
            {
                "symbol": verdict.evidence.best.symbol if verdict.evidence.best else None,
                "point": verdict.evidence.best.point if verdict.evidence.best else None,
                "level": str(verdict.level),
                "sharpe": _sharpe(verdict.evidence),
                "trades": verdict.evidence.trades,
                "deflated_sharpe": _deflated(verdict.counted, verdict.evidence),
                # JSON has neither NaN nor infinity.
                "adjusted_p": None if math.isnan(adjusted) else adjusted,
            }
            for verdict, adjusted in zip(symbols.verdicts, symbols.adjusted.tolist(), strict=True)
        ]
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
        "needed_sharpe": (
            annualize(deflated.needed, evidence.periods) if math.isfinite(deflated.needed) else None
        ),
    }


def _interval(interval: Interval | Missing | None) -> Any:
    return asdict(interval) if isinstance(interval, Interval) else _reason(interval)


def _record(record: TrackRecord | Missing) -> Any:
    if not isinstance(record, TrackRecord):
        return str(record)
    # No length of data suffices if it is infinite.
    is_finite = math.isfinite(record.years)
    return {
        "years": record.years if is_finite else None,
        "available_years": record.available_years,
        "end": record.end.isoformat() if record.end else None,
    }


def overfitting_json(overfitting: Overfitting | Missing | None) -> Any:
    """Return PBO with the band of noise, or the reason why it is missing."""
    if not isinstance(overfitting, Overfitting):
        return _reason(overfitting)
    band = noise_band(overfitting.points)
    return asdict(overfitting) | {"noise_low": band.low, "noise_high": band.high}


def _reason(missing: Missing | None) -> str | None:
    return None if missing is None else str(missing)

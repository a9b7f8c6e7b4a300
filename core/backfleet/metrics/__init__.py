"""A task's metrics, and whether they are to be trusted."""

from backfleet.metrics.summary import compute_metrics, summary_of
from backfleet.metrics.trust import Verdict, verdict
from backfleet.summary import COLUMNS, COUNTS, Calendar, Metrics, Summary

__all__ = [
    "COLUMNS",
    "COUNTS",
    "Calendar",
    "Metrics",
    "Summary",
    "Verdict",
    "compute_metrics",
    "summary_of",
    "verdict",
]

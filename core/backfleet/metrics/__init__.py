"""What a task is judged by: its metrics, and whether they are to be trusted."""

from backfleet.metrics.columns import COLUMNS, COUNTS, Metrics
from backfleet.metrics.compute import compute_metrics
from backfleet.metrics.summary import Calendar, SummarisingEngine, Summary, summary_of
from backfleet.metrics.trust import Verdict, verdict

__all__ = [
    "COLUMNS",
    "COUNTS",
    "Calendar",
    "Metrics",
    "SummarisingEngine",
    "Summary",
    "Verdict",
    "compute_metrics",
    "summary_of",
    "verdict",
]

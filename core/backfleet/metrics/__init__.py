"""What a task is judged by: its metrics, and whether they are to be trusted."""

from backfleet.metrics.columns import COLUMNS, Metrics
from backfleet.metrics.compute import compute_metrics
from backfleet.metrics.trust import Verdict, verdict

__all__ = ["COLUMNS", "Metrics", "Verdict", "compute_metrics", "verdict"]

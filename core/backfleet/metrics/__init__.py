"""Metrics of a task, its additive sums, and its status.

`summary.py` is the entry point: it turns an engine's `Outcome` into a `Summary`. `kernel.py`
computes all columns in compiled code, `equity.py` those of the account, with `growth.py` and
`pairwise.py` for the same bits on every processor. `segments.py` cuts a task's sessions at starts
of months, and `sums.py` sums returns over these segments: every statistic of the validation follows
from them. `task_status.py` decides whether a task is suspicious. The columns and their formulas
are in `backfleet.summary`.
"""

from backfleet.metrics.summary import compute_metrics, summary_of
from backfleet.metrics.task_status import TaskAssessment, assess_outcome
from backfleet.summary import COLUMNS, COUNTS, Calendar, Metrics, Summary

__all__ = [
    "COLUMNS",
    "COUNTS",
    "Calendar",
    "Metrics",
    "Summary",
    "TaskAssessment",
    "assess_outcome",
    "compute_metrics",
    "summary_of",
]

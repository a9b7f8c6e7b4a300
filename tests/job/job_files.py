"""Jobs from a file, and the errors of wrong ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from backfleet.errors import JobError
from backfleet.job import Job, Overrides

DATA: Any = {"source": "csv", "path": "prices"}


def load(tmp_path: Path, text: str, **overrides: Any) -> Job:
    file = tmp_path / "job.toml"
    file.write_text(text, encoding="utf-8")
    return Job.load(file, Overrides(**overrides))


def refused(**values: Any) -> list[str]:
    """The lines of the error that a job with these values makes."""
    with pytest.raises(JobError) as caught:
        Job(**{"strategy": "sma-crossover", "data": DATA} | values)
    return str(caught.value).split("\n")


def in_data(**values: Any) -> dict[str, Any]:
    return {"data": DATA | values}

"""A job on AWS Batch, from the command line to its results."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import backfleet as bf

GOLDEN = {"600519": 164109.44, "600559": 106285.36, "600560": 100000.00}


def test_the_sample_stocks_come_out_as_on_this_machine(
    job_file: Callable[..., Path], options: list[str], sample_data: Path, tmp_path: Path
) -> None:
    ran = bf.run(bf.Job.load(job_file()), "aws-batch", [*options, "workers=2"], progress=None)
    frame = ran.results()

    assert dict(zip(frame["symbol"], frame["final_value"].round(2), strict=True)) == GOLDEN

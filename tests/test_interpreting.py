"""Small tasks are interpreted, and give the bits that compiled code gives."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import json
import math
import sys

import backfleet as bf
from backfleet.chunks.task_result import outcome_digest

if sys.argv[2] == "compiled":
    from backfleet.jit import plan_work

    plan_work(math.inf)

job = bf.Job.load(sys.argv[1])
digests = {
    name: outcome_digest(bf.run_task(job.model_copy(update={"strategy": name}), 0).outcome)
    for name in sys.argv[3:]
}
print(json.dumps({"digests": digests, "numba": "numba" in sys.modules}))
"""

LARGE = """
import sys

import numpy as np

from backfleet.indicators import sma

sma(np.arange(10.0), 3)
assert "numba" not in sys.modules
sma(np.arange(1_000_000.0), 3)
assert "numba" in sys.modules
"""

STRATEGIES = ("sma-crossover", "dual-moving-average", "buy-and-hold")


def run_in_process(job: Path, how: str) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(job), how, *STRATEGIES],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize("engine", ["vector", "backtrader"])
def test_interpreted_and_compiled_code_agree_to_the_last_bit(sample_job: Path, engine: str) -> None:
    text = sample_job.read_text().replace("period = 15", "")
    sample_job.write_text(f'engine = "{engine}"\n{text}')
    interpreted = run_in_process(sample_job, "interpreted")
    compiled = run_in_process(sample_job, "compiled")
    assert interpreted["digests"] == compiled["digests"]
    assert (interpreted["numba"], compiled["numba"]) == (False, True)


def test_large_arrays_are_not_looped_over_in_python() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LARGE], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr

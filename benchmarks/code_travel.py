"""How soon edited code runs in a worker that lacks it.

A strategy's package is edited, and a job on it is run with workers that find none of what the
submitting process finds in PYTHONPATH: the code travels to them through the store. Counted is the
time from the start of `backfleet run` until a worker has the strategy imported. The base is the
same with workers that find the package where it is. Limit: 2 s, as nothing is built. With --image,
also with workers in containers of that image.
"""

from __future__ import annotations

import argparse
import itertools
import os
import time
from functools import partial
from pathlib import Path

from measure import BACKFLEET, Comparison, Reading, alternate, compare, run_process, workspace

DATA = Path(__file__).parent.parent / "examples" / "data" / "cn-daily"

FILES = {
    "acme_alpha/__init__.py": "",
    "acme_alpha/tables.py": "".join(f"ROW_{i} = {list(range(20))}\n" for i in range(500)),
    "acme_alpha-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: acme-alpha\nVersion: 1.0\n",
    "acme_alpha-1.0.dist-info/RECORD": "acme_alpha/__init__.py,,\n",
    "acme_alpha-1.0.dist-info/entry_points.txt": """
[backfleet.strategies]
acme-hold = acme_alpha.hold:Hold
[backfleet.executors]
elsewhere = acme_alpha.elsewhere:ElsewhereExecutor
""",
    "acme_alpha/elsewhere.py": """
import os
from backfleet.executor import Remote
from backfleet.sdk import distribution_hashes
from backfleet_executors.local import LocalExecutor

class ElsewhereExecutor(LocalExecutor, Remote):
    name = "elsewhere"

    def installed(self):
        return distribution_hashes(["backfleet"])

    def submit(self, submission):
        os.environ["PYTHONPATH"] = os.environ["PYTHONPATH"].partition(os.pathsep)[2]
        return super().submit(submission)
""",
}
HOLD = """
import time
import backtrader as bt
from acme_alpha import tables

IMPORTED = time.time()

class Hold(bt.Strategy):
    def __init__(self):
        self.metrics = {{"imported": IMPORTED, "edit": {edit}}}
"""
JOB = f"""
strategy = "acme-hold"

[data]
source = "cn-daily"
path = "{DATA}"
symbols = ["600519"]
timezone = "Asia/Shanghai"
"""

_edits = itertools.count()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--repetitions", type=int, default=10)
    arguments.add_argument("--image", help="of 'backfleet image build', for the executor docker")
    options = arguments.parse_args()
    executors = ["local", "elsewhere"]
    if options.image:
        os.environ["BACKFLEET_DOCKER_IMAGE"] = options.image
        executors.append("docker")
    with workspace() as folder:
        (folder / "job.toml").write_text(JOB)
        for name, text in FILES.items():
            (folder / "site" / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / "site" / name).write_text(text)
        paths = [str(folder / "site"), os.environ.get("PYTHONPATH", "")]
        os.environ["PYTHONPATH"] = os.pathsep.join(paths)
        _run(folder, "local")
        readings_by_side = alternate(
            {name: partial(_run, folder, name) for name in executors},
            options.repetitions,
        )
    for name, readings in readings_by_side.items():
        title = f"From an edit to a worker on {name!r} that has it imported"
        compare(Comparison(title, "ms", 1e3, 2000, "clock"), readings)


def _run(folder: Path, executor: str) -> Reading:
    """Edit the strategy and run it; what a run takes until the strategy is imported."""
    edit = next(_edits)
    (folder / "site/acme_alpha/hold.py").write_text(HOLD.format(edit=edit))
    began = time.time()
    store = f"results.store=store-{edit}"
    taken = run_process([BACKFLEET, "run", "job.toml", "--executor", executor, "--set", store])
    return Reading(_imported(folder / f"store-{edit}", edit) - began, taken.cpu)


def _imported(store: Path, edit: int) -> float:
    """When the worker had imported the strategy. Raises RuntimeError where it was another edit."""
    import backfleet as bf

    (run,) = store.iterdir()
    (row,) = bf.open_run(str(run)).results().to_dict("records")
    if row["edit"] != edit:
        raise RuntimeError(f"the worker ran edit {row['edit']} instead of {edit}")
    return float(row["imported"])


if __name__ == "__main__":
    main()

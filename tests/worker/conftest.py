"""A run of a strategy that tells of the process it ran in."""

from __future__ import annotations

import pytest

import backfleet as bf
from backfleet.runs.run import Run

STRATEGY = """
import ctypes, glob, os, random, time
from pathlib import Path

import backtrader as bt
import numpy as np


class Probe(bt.Strategy):
    params = (("point", 0),)

    def __init__(self):
        print(f"{self.data._name} {self.p.point} prints")
        if self.p.point % 2:
            os.write(2, f"{self.data._name} {self.p.point} writes\\n".encode())
        blas = ctypes.CDLL(glob.glob(f"{Path(np.__file__).parent}.libs/*openblas*")[0])
        core = blas.scipy_openblas_get_corename64_
        core.restype = ctypes.c_char_p
        numpy = np._core._multiarray_umath
        used = [n for n in numpy.__cpu_dispatch__ if numpy.__cpu_features__[n]]
        self.metrics = {
            "drawn": random.random(),
            "drawn_by_numpy": np.random.random(),
            "process": os.getpid(),
            "hash": str(hash("backfleet")),
            "zone": time.tzname[0],
            "numpy_beyond_avx2": ",".join(n for n in used if "512" in n or "V4" in n),
            "numpy_avx2": numpy.__cpu_features__["AVX2"],
            "blas_threads": blas.scipy_openblas_get_num_threads64_(),
            "blas_core": core().decode(),
            "numba": os.environ["NUMBA_CPU_NAME"],
        }
"""
DAYS = 20
POINTS = 64
SYMBOLS = ("AAA", "BBB")


@pytest.fixture(scope="session")
def probe_job(tmp_path_factory: pytest.TempPathFactory) -> bf.Job:
    """128 tasks in 32 chunks of four."""
    folder = tmp_path_factory.mktemp("probe")
    (folder / "probe.py").write_text(STRATEGY)
    for symbol in SYMBOLS:
        lines = [f"2024-01-{day + 1:02},10,12,8,{9 + day % 3},100" for day in range(DAYS)]
        text = "\n".join(["date,open,high,low,close,volume", *lines, ""])
        (folder / f"{symbol}.csv").write_text(text)
    return bf.Job.model_validate(
        {
            "strategy": f"{folder / 'probe.py'}:Probe",
            "params": {"point": list(range(POINTS))},
            "data": {"source": "csv", "path": str(folder), "symbols": SYMBOLS},
            "results": {"store": str(folder / "runs"), "detail": "summary"},
        }
    )


@pytest.fixture(scope="session")
def probed(probe_job: bf.Job) -> Run:
    """The run of that job, on two workers, from an environment that is unlike the pinned one."""
    hostile = {
        "OMP_NUM_THREADS": "2",
        "OPENBLAS_NUM_THREADS": "2",
        "OPENBLAS_CORETYPE": "SkylakeX",
        "PYTHONHASHSEED": "12345",
        "TZ": "Asia/Tokyo",
        "NUMBA_CPU_NAME": "generic",
        "NPY_DISABLE_CPU_FEATURES": "",
    }
    with pytest.MonkeyPatch.context() as environment:
        for name, value in hostile.items():
            environment.setenv(name, value)
        return bf.run(probe_job, options=["workers=2"], progress=None)

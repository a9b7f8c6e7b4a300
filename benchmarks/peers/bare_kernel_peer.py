"""The least that the reference strategy can cost: its exact average and its fills in one loop of C.

No orders, no equity curve, no metrics, no other strategy. It takes a C compiler, `cc`.
"""

# mypy: ignore-errors

import ctypes
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from protocol import CASH, COMMISSION, PERIOD, PERIODS, Market, Work, serve

SOURCE = Path(__file__).with_name("bare_kernel.c")
OPTIONS = ("-O3", "-march=native", "-ffp-contract=off", "-shared", "-fPIC")


@cache
def library() -> ctypes.CDLL:
    if shutil.which("cc") is None:
        raise SystemExit("the bare kernel needs a C compiler, cc; on Debian: apt install gcc")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bare_kernel.so"
        subprocess.run(["cc", *OPTIONS, "-o", path, SOURCE], check=True)
        return ctypes.CDLL(str(path))


def prepare(case: str, market: Market) -> Work:
    symbols, periods = (1, [PERIOD]) if case == "one" else (len(market.close), PERIODS)
    opened, close = (
        np.ascontiguousarray(prices[:symbols]) for prices in (market.open, market.close)
    )
    points = np.array(periods, np.intp)
    values = np.empty((symbols, len(points)))
    sweep = library().sweep
    sweep.restype = None
    size, number, array = ctypes.c_ssize_t, ctypes.c_double, ctypes.c_void_p
    sweep.argtypes = (array, array, size, size, array, size, number, number, array)
    arrays = [array.ctypes.data for array in (opened, close, points, values)]

    def run() -> float:
        sweep(
            arrays[0],
            arrays[1],
            symbols,
            close.shape[1],
            arrays[2],
            len(points),
            CASH,
            COMMISSION,
            arrays[3],
        )
        return float(values[0, 0])

    return Work(run, values.size)


if __name__ == "__main__":
    serve("bare kernel", prepare)

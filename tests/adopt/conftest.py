"""A folder with price files, in which scripts are adopted within the process of the tests."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from backfleet.adopt.adopt import Adoption, Request, adopt
from backfleet.adopt.child import run_script_here
from backfleet.adopt.proof import JobResult, load_job
from backfleet.adopt.script import Ending, Script
from backfleet.errors import error_line
from backfleet.plan.plan import plan_job
from backfleet.runs.run_task import run_task

Row = tuple[float, float, float, float, int]
Adopt = Callable[..., Adoption]


def price_rows(count: int, seed: int) -> Iterator[Row]:
    generator = random.Random(seed)
    price = 100.0
    for _ in range(count):
        opened = price * generator.uniform(0.99, 1.01)
        close = opened * generator.uniform(0.98, 1.02)
        high, low = max(opened, close) * 1.004, min(opened, close) * 0.996
        yield opened, high, low, close, generator.randrange(1000, 9999)
        price = close


def sessions(count: int) -> list[date]:
    days = (date(2019, 1, 1) + timedelta(days=i) for i in range(2 * count))
    return [day for day in days if day.weekday() < 5][:count]


def write_prices(folder: Path, count: int = 220) -> None:
    """Write the files that the scripts name."""
    days = sessions(count)
    for seed, name in enumerate(("AAA", "BBB", "CCC"), 1):
        dated = zip(days, price_rows(count, seed), strict=True)
        lines = [f"{d},{o:.2f},{h:.2f},{lo:.2f},{c:.2f},{v}" for d, (o, h, lo, c, v) in dated]
        text = "\n".join(["Date,Open,High,Low,Close,Volume", *lines]) + "\n"
        (folder / f"{name}.csv").write_text(text)
    rows = list(price_rows(count, 4))
    odd = [f"x;{d:%d.%m.%Y};{o:.3f};{h:.3f};{lo:.3f};{c:.3f};{v}" for d, (o, h, lo, c, v)
           in zip(days, rows, strict=True)]  # fmt: skip
    (folder / "odd.txt").write_text("\n".join(["note;Tag;Erster;Hoch;Tief;Schluss;Menge", *odd]))
    yahoo = [f"{d},{o:.4f},{h:.4f},{lo:.4f},{c:.4f},{c * 0.93:.4f},{v}" for d, (o, h, lo, c, v)
             in zip(days, rows, strict=True)]  # fmt: skip
    header = "Date,Open,High,Low,Close,Adj Close,Volume"
    (folder / "yahoo.csv").write_text("\n".join([header, *yahoo]) + "\n")
    own = [f"{d},{o:.2f},{h:.2f},{lo:.2f},{c:.2f},{v},0" for d, (o, h, lo, c, v)
           in zip(days, rows, strict=True)]  # fmt: skip
    header = "Date,Open,High,Low,Close,Volume,OpenInterest"
    (folder / "bt.txt").write_text("\n".join([header, *own]) + "\n")
    times = [datetime(2019, 1, 2 + i // 60, 9, 30) + timedelta(minutes=5 * (i % 60))
             for i in range(count)]  # fmt: skip
    minutes = [f"{t:%Y-%m-%d},{t:%H:%M},{o:.2f},{h:.2f},{lo:.2f},{c:.2f},{v}"
               for t, (o, h, lo, c, v) in zip(times, rows, strict=True)]  # fmt: skip
    header = "Date,Time,Open,High,Low,Close,Volume"
    (folder / "MIN.csv").write_text("\n".join([header, *minutes]) + "\n")


def run_here(script: Script, folder: Path) -> Ending:
    """Run a script in this process, and tell how it ended."""
    try:
        run_script_here(str(script.path), script.arguments, folder)
    except SystemExit as error:
        return Ending(f"exit code {error.code}") if error.code else Ending()
    except Exception as error:
        return Ending(error_line(error))
    return Ending()


def run_job_here(job_file: Path, store: Path) -> list[JobResult]:
    """Run the tasks of a job one after the other in this process."""
    job = load_job(job_file, store)
    manifest = plan_job(job).manifest
    results = []
    for task in range(manifest.tasks):
        params = {name: json.dumps(v) for name, v in manifest.task(task).params.items()}
        try:
            value = repr(float(run_task(job, task).row["final_value"]))
        except Exception as error:
            results.append(JobResult(params, None, error_line(error)))
        else:
            results.append(JobResult(params, value))
    return results


@pytest.fixture(scope="session")
def prices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prices")
    write_prices(folder)
    return folder


@pytest.fixture
def workplace(prices: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with the price files."""
    for file in prices.iterdir():
        (tmp_path / file.name).symlink_to(file)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def adopt_text(workplace: Path) -> Adopt:
    """Adopt the text of a script into the folder `adopted`."""

    def adopted(
        text: str, *arguments: str, run: int | None = None, strict: bool = False
    ) -> Adoption:
        script = workplace / "script.py"
        script.write_text(text)
        request = Request(Script(Path("script.py"), arguments), Path("adopted"), run, strict)
        return adopt(request, run_here, run_job_here)

    return adopted

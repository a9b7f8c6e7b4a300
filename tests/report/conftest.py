"""Runs to report on, and pages taken apart."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backfleet as bf
from backfleet.plan.manifest_store import save_manifest
from backfleet.plan.plan import plan_job
from backfleet.store import open_store
from finished_runs import run_here
from sample_job import job_of

HOSTILE = "<script>window.hacked=1<!--"
HOSTILE_TEXT = "</script><script>window.hacked=2</script><img src=x onerror=hacked=3>"

LIBRARY = '<script type="text/plain" id="plotly">'

STRATEGY = '''
import backtrader as bt


class Hostile(bt.Strategy):
    """Texts of it look like HTML; at the point 1 it fails with one."""

    params = (("k", 0), ("note", ""))

    def __init__(self):
        self.metrics = {"<b>mine</b>": 0.5 + self.p.k, "words": self.p.note}

    def next(self):
        if self.p.k == 1:
            raise ValueError(self.p.note)
        if len(self) == 3:
            self.buy(size=1)
'''

ONLY_ERRORS = """
import backtrader as bt


class Fails(bt.Strategy):
    def next(self):
        raise IndexError("no bar for you")
"""


@pytest.fixture(scope="session")
def make_job() -> Callable[..., bf.Job]:
    """A job of four periods on the sample data with a store, other keys as given."""
    return partial(job_of, params={"period": [5, 10, 15, 20]})


@pytest.fixture(scope="session")
def run_job() -> Callable[[bf.Job], bf.Run]:
    """Run a job in this process, and store what its workers would."""
    return run_here


@pytest.fixture(scope="session")
def sweep(make_job: Callable[..., bf.Job], tmp_path_factory: pytest.TempPathFactory) -> bf.Run:
    """A finished run of eight tasks: four periods, two symbols. It must stay as it is."""
    store = tmp_path_factory.mktemp("sweep")
    return bf.run(make_job(store, name="four-periods"), progress=None)


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> bf.Run:
    """A finished run whose name, symbol, parameters, metrics and errors look like HTML; two
    tasks failed. Some of it no job can have, but a store that somebody else wrote can."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "hostile.py").write_text(STRATEGY)
    lines = [f"2020-01-{day:02},10,13,9,{10 + day % 3},100" for day in range(1, 29)]
    (folder / "plain.csv").write_text("\n".join(["date,open,high,low,close,volume", *lines, ""]))
    data = {"source": "csv", "path": str(folder), "symbols": ["plain"]}
    params = {"k": [0, 1, 2], "note": [HOSTILE_TEXT, f"{HOSTILE_TEXT} & more"]}
    strategy = f"{folder}/hostile.py:Hostile"
    made = job_of(folder / "runs", strategy=strategy, params=params, data=data)
    honest = plan_job(made).manifest
    symbols = [replace(symbol, name=HOSTILE) for symbol in honest.symbols]
    return run_here(made, replace(honest, name=HOSTILE, symbols=symbols))


@pytest.fixture(scope="session")
def all_failed(tmp_path_factory: pytest.TempPathFactory) -> bf.Run:
    """A finished run of which every task failed."""
    folder = tmp_path_factory.mktemp("failed")
    (folder / "fails.py").write_text(ONLY_ERRORS)
    strategy = f"{folder}/fails.py:Fails"
    return run_here(job_of(folder / "runs", strategy=strategy, params={}))


@pytest.fixture
def planned(make_job: Callable[..., bf.Job], tmp_path: Path) -> Callable[..., bf.Run]:
    """A run that was planned and never started."""

    def plan(**settings: Any) -> bf.Run:
        made = plan_job(make_job(tmp_path / "planned", **settings))
        store = open_store(made.job.results.store).at(made.manifest.run_id)
        return bf.Run(store, save_manifest(store, made.manifest))

    return plan


@dataclass
class ParsedPage(HTMLParser):
    """A page taken apart: its text, its elements, its blocks of data."""

    html: str
    words: list[str] = field(default_factory=list)
    elements: list[tuple[str, Mapping[str, str | None]]] = field(default_factory=list)
    scripts: list[str] = field(default_factory=list)
    blocks: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__()
        self._inside: tuple[str, str] = ("", "")
        # Taking apart the library of the figures, most of the page, would take most of the time.
        before, marker, rest = self.html.partition(LIBRARY)
        library, _, after = rest.partition("</script>")
        self.scripts += [library] if marker else []
        self.feed(before + after)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = (tag, dict(attrs).get("id") or "")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ("", "")

    def handle_data(self, data: str) -> None:
        tag, name = self._inside
        if tag == "script" and name:
            self.blocks[name] = json.loads(data)
        elif tag == "script":
            self.scripts.append(data)
        elif tag != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))

    def column(self, table: str, name: str) -> list[Any]:
        """A column of a table's data block; None where there is no value."""
        (column,) = (
            candidate
            for candidate in self.blocks[f"data-{table}"]["columns"]
            if candidate["name"] == name
        )
        content = column["numbers"] if "numbers" in column else column["codes"]
        numbers = np.frombuffer(base64.b64decode(content), f"<{column['type']}")
        if "numbers" in column:
            return [None if np.isnan(number) else float(number) for number in numbers]
        return [None if code < 0 else column["texts"][int(code)] for code in numbers]

    def value(self, metric: str) -> str:
        """The text of the element that shows a metric."""
        match = re.search(rf'data-metric="{metric}"[^>]*>([^<]*)<', self.html)
        assert match, f"the page shows no {metric}"
        return match[1]


@pytest.fixture
def parsed() -> Callable[[str], ParsedPage]:
    """Take a page apart."""
    return ParsedPage

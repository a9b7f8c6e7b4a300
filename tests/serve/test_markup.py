"""Texts of a store and of a request that look like HTML stay text on every page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote

import pytest

import backfleet as bf
from http_server import Answer, Served
from sample_job import job_of
from stored_records import alter_record

Serve = Callable[..., Served]

MARKUP = "\"'></script><script>window.hacked=1</script><img src=x onerror=hacked=2>{{7*7}}"

STRATEGY = '''
import backtrader as bt


class Hostile(bt.Strategy):
    """Fails at the point 1, and has texts that look like HTML."""

    params = (("k", 0), ("note", ""))

    def __init__(self):
        self.metrics = {self.p.note: 0.5 + self.p.k, "words": self.p.note}

    def next(self):
        if self.p.k == 1:
            raise ValueError(self.p.note)
        if len(self) == 3:
            self.buy(size=1)
'''


class Elements(HTMLParser):
    """The elements of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, Mapping[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))


def check_page(answer: Answer) -> None:
    """Every script of a page is backfleet's own, and no element is one of the hostile text."""
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "script-src 'self';" in answer.headers["content-security-policy"]
    for tag, attributes in Elements(answer.text).elements:
        assert tag != "img"
        assert not [name for name in attributes if name.startswith("on")]
        if tag == "script" and "src" in attributes:
            assert (attributes["src"] or "").startswith("/static/")
        elif tag == "script":
            assert attributes["type"] in ("application/json", "text/plain")
    assert "49" not in answer.text.partition("<h1>")[2].partition("</h1>")[0]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> bf.Run:
    """A finished run whose name, parameters, metrics and errors look like HTML."""
    folder = tmp_path_factory.mktemp("markup")
    (folder / "hostile.py").write_text(STRATEGY)
    job = job_of(
        folder / "runs",
        strategy=f"{folder}/hostile.py:Hostile",
        params={"k": [0, 1], "note": [MARKUP, f"{MARKUP} & more"]},
    )
    run = bf.run(job, progress=None)
    # No job can have such a name, but a store that a stranger wrote can.
    alter_record(Path(run.url) / "manifest.json", name=MARKUP)
    return run


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/runs/{run}",
        "/runs/{run}?metric={markup}",
        "/runs/{run}/tasks/0",
        "/runs/{run}/tasks/4",
        "/runs/{run}/tasks/{markup}",
        "/compare?run={run}&run={run}",
        "/compare?run={run}&run={run}&metric={markup}",
        "/compare?run={markup}",
        "/compare?run={markup}&run={markup}",
        "/runs/{markup}",
        "/static/{markup}",
        "/{markup}",
    ],
)
def test_texts_that_look_like_html_stay_text(serve: Serve, hostile: bf.Run, path: str) -> None:
    store = str(Path(hostile.url).parent)
    server = serve(store)
    answer = server.get(path.format(run=hostile.id, markup=quote(MARKUP, safe="")))
    assert answer.status in (200, 400, 404)
    check_page(answer)
    assert server.log == []


@pytest.mark.parametrize("path", ["/api/runs", "/api/runs/{run}"])
def test_json_cannot_be_taken_for_html(serve: Serve, hostile: bf.Run, path: str) -> None:
    answer = serve(str(Path(hostile.url).parent)).get(path.format(run=hostile.id))
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"

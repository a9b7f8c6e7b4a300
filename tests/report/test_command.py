"""`backfleet report` on the command line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import backfleet as bf
from backfleet.cli.report import report
from backfleet.cli.serve import serve
from backfleet.errors import BackfleetError

Backfleet = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Call the command in this process, in `tmp_path`."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(report, list(map(str, arguments)))


def test_a_report_is_named_after_its_run(
    backfleet: Backfleet, sweep: bf.Run, tmp_path: Path
) -> None:
    done = backfleet("report", sweep.url)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{tmp_path / sweep.id}.html\n"
    assert "four-periods" in (tmp_path / f"{sweep.id}.html").read_text()


def test_a_task_and_a_comparison_have_their_reports(
    call: Callable[..., Result], sweep: bf.Run, tmp_path: Path
) -> None:
    assert call(sweep.url, 3).output == f"{tmp_path / sweep.id}-3.html\n"
    beside = call(sweep.url, 3, "--benchmark", "600560", "-o", "beside.html")
    assert beside.output == f"{tmp_path}/beside.html\n"
    assert "600560 bought and held" in (tmp_path / "beside.html").read_text()
    assert (
        call(sweep.url, "--compare", sweep.url, "-o", "two.html").output == f"{tmp_path}/two.html\n"
    )
    assert "Run comparison" in (tmp_path / "two.html").read_text()
    # It does not replace the report of the run.
    both = call(sweep.url, "--compare", sweep.url).output
    assert both == f"{tmp_path / sweep.id}-{sweep.id}.html\n"
    assert {file.suffix for file in tmp_path.iterdir()} == {".html"}


def test_pages_with_linked_assets_share_the_library_and_are_small(
    call: Callable[..., Result], sweep: bf.Run, tmp_path: Path
) -> None:
    for arguments in ((), (3,), ("--compare", sweep.url)):
        path = tmp_path / "small.html"
        assert call(sweep.url, *arguments, "--assets", "linked", "-o", path).exit_code == 0
        assert path.stat().st_size < 1_500_000
        (library,) = (tmp_path / "backfleet-assets").iterdir()
        assert f'data-src="backfleet-assets/{library.name}"' in path.read_text()
        assert library.stat().st_size > 1_000_000


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("-o", "-", "--assets", "linked"), "--assets linked needs a file as --output"),
        (("-o", "absent/page.html", "--assets", "linked"), "absent/backfleet-assets cannot be"),
        (("9",), "tasks 0 to 7, no task 9"),
        (("1", "--metric", "sharpe"), "a TASK cannot be combined with --compare, --metric or"),
        (("1", "--min-trades", "3"), "a TASK cannot be combined with --compare, --metric or"),
        (("--metric", "sharp"), "did you mean 'sharpe'?"),
        (("--benchmark", "600560"), "--benchmark requires a TASK"),
        (("1", "--benchmark", "6005*"), "must be one symbol's name"),
        (("1", "--benchmark", "600550"), "symbol '600550': there is no"),
        (("-o", "absent/page.html"), "--output absent/page.html: No such file or directory"),
        (("-o", "."), "name another file"),
        (("--compare", "nowhere/at-all"), "there is no run at"),
    ],
)
def test_a_bad_request_is_refused_and_writes_nothing(
    call: Callable[..., Result],
    sweep: bf.Run,
    arguments: tuple[str, ...],
    words: str,
    tmp_path: Path,
) -> None:
    done = call(sweep.url, *arguments)
    if isinstance(done.exception, BackfleetError):
        assert done.exception.exit_code == 2
        assert words in str(done.exception)
    else:
        assert done.exit_code == 2
        assert words in done.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("command", "module", "extra"),
    [(report, "plotly", "report"), (report, "tomli_w", "report"), (serve, "uvicorn", "serve")],
)
def test_without_the_extra_it_is_named(
    command: object, module: str, extra: str, sweep: bf.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    done = CliRunner().invoke(command, [sweep.url])  # either command
    assert isinstance(done.exception, BackfleetError)
    assert done.exception.exit_code == 2
    assert f"cannot run without {module}, which is not installed. Run" in str(done.exception)
    assert f"pip install -e '.[{extra}]'" in str(done.exception)

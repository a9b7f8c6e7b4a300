"""`backfleet debug`: one task in this process."""

from __future__ import annotations

import pytest

from workshop import Ask, Workshop


def words_of(text: str) -> dict[str, str]:
    return dict(line.split(None, 1) for line in text.splitlines())


@pytest.mark.parametrize("what", ["sma.toml", "{run}", "runs/{run}"])
def test_a_task_gives_the_numbers_that_the_run_has(ask: Ask, finished: str, what: str) -> None:
    words = words_of(ask(f"debug {what.format(run=finished)} 1").out)
    assert words["task"] == "1: 600559, period=15, sizing=all-in"
    assert round(float(words["final_value"]), 2) == 106285.36
    assert words["status"].startswith("suspicious. 290 of 296 orders were rejected: 290 due to")


def test_the_first_task_is_taken_where_none_is_named(ask: Ask) -> None:
    text = ask("debug sma.toml -p period=20 --symbols 600519 --set broker.cash=1e6").out
    assert text.startswith("task 0: 600519, period=20")
    assert words_of(text)["status"] == "ok"


def test_it_stores_nothing(workshop: Workshop, ask: Ask) -> None:
    ask("debug sma.toml --set results.store=nowhere")
    assert not (workshop.folder / "nowhere").exists()


def test_an_exception_of_the_strategy_is_shown_whole(ask: Ask) -> None:
    """Also one of a type that the command line itself takes for a bad request."""
    done = ask("debug fails.toml 1")
    assert done.code == 1
    assert done.err.startswith("Traceback")
    assert 'raise IndexError(f"no {self.p.at} for you' in done.err
    assert done.err.endswith("IndexError: no 3 for you\nand more\n")
    assert "Usage" not in done.err


def test_leaving_a_debugger_that_the_strategy_opened_shows_no_traceback(workshop: Workshop) -> None:
    (workshop.folder / "stops.py").write_text(
        "import backtrader as bt\n"
        "class Stops(bt.Strategy):\n"
        "    def next(self):\n"
        "        breakpoint()\n"
        "        self.seen = 1\n"
    )
    workshop.write_job("stops.toml", "stops.py:Stops")
    done = workshop("debug", "stops.toml", stdin="q\n")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.endswith("left the debugger before the task ended\n")


def test_a_strategy_that_exits_is_a_failure(ask: Ask) -> None:
    done = ask("debug exits.toml")
    assert done.code == 1
    assert "SystemExit: 0" in done.err


def test_an_interrupt_shows_where_the_strategy_was(ask: Ask, workshop: Workshop) -> None:
    code = (workshop.folder / "mine.py").read_text()
    (workshop.folder / "stuck.py").write_text(
        code.replace("sys.exit(0)", "raise KeyboardInterrupt")
    )
    workshop.write_job("stuck.toml", "stuck.py:Exits")
    assert "stuck.py" in ask("debug stuck.toml").err


def test_the_debugger_stands_where_the_strategy_raised(workshop: Workshop) -> None:
    done = workshop("debug", "fails.toml", "1", "--pdb", stdin="p price\np self.p.at\nq\n")
    assert done.returncode == 1
    assert "raise IndexError" in done.stdout
    assert "(Pdb) 3" in done.stdout
    assert done.stderr.count("Traceback") == 1


@pytest.mark.parametrize("leave", ["q", "c"])
def test_the_debugger_opens_at_the_end_with_the_live_strategy(
    workshop: Workshop, leave: str
) -> None:
    commands = f"p strategy.period\np len(outcome.equity)\n{leave}\n"
    done = workshop("debug", "sma.toml", "--pdb", stdin=commands)
    assert done.returncode == 0
    assert "(Pdb) 15" in done.stdout
    assert "(Pdb) 608" in done.stdout
    assert done.stderr == ""

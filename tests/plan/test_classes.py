"""Classes that a job names: sizers, signals, commission schemes, volume fillers and analyzers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import backtrader as bt
import numpy as np
import pandas as pd
import pytest

import backfleet as bf
from backfleet.errors import JobError, RunNotFound
from backfleet.job import Job
from backfleet.plan.plan import plan_job
from backfleet.report.task_page import task_page
from backfleet.runs.run_task import run_task
from sample_job import SAMPLE_DATA

SetUp = Callable[[bt.Cerebro, dict[str, Any]], object]

ENGINES = ("backtrader", "backtrader-stock")

STRATEGY = """
import backtrader as bt


class Cross(bt.Strategy):
    params = (("period", 15),)

    def __init__(self):
        self.average = bt.indicators.SimpleMovingAverage(period=self.p.period)

    def next(self):
        if not self.position and self.data.close[0] > self.average[0]:
            self.buy()
        elif self.position and self.data.close[0] < self.average[0]:
            self.close()


class Rise(bt.Indicator):
    lines = ("signal",)
    params = (("period", 10),)

    def __init__(self):
        self.lines.signal = self.data.close - self.data.close(-self.p.period)


class BySignals(bt.SignalStrategy):
    pass


class Half(bt.Sizer):
    params = (("part", 0.5),)

    def _getsizing(self, comminfo, cash, data, isbuy):
        return int(cash * self.p.part / data.close[0])
"""

FEES = """
import backtrader as bt

from rates import STAMP


class Stamp(bt.CommInfoBase):
    params = (("floor", 0.0), ("stocklike", True), ("commtype", bt.CommInfoBase.COMM_PERC))

    def _getcommission(self, size, price, pseudoexec):
        value = abs(size) * price
        return max(value * 0.0003, self.p.floor) + (value * STAMP if size < 0 else 0.0)


class Tenth:
    def __call__(self, order, price, ago):
        return min(abs(order.executed.remsize), order.data.volume[ago] // 10)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "cross.py").write_text(STRATEGY)
    (tmp_path / "fees.py").write_text(FEES)
    (tmp_path / "rates.py").write_text("STAMP = 0.001\n")
    return tmp_path


def job(folder: Path, **more: Any) -> Job:
    data = {
        "source": "cn-daily", "path": str(SAMPLE_DATA), "timezone": "Asia/Shanghai",
        "symbols": ["600519"], "session_end": "15:00",
    }  # fmt: skip
    results = {"store": str(folder / "runs"), **more.pop("results", {})}
    strategy = str(folder / "cross.py:Cross")
    return Job(**{"strategy": strategy, "data": data, **more, "results": results})


def final_values(folder: Path, **more: Any) -> set[float]:
    rows = [run_task(job(folder, engine=name, **more), 0).row for name in ENGINES]
    return {row["final_value"] for row in rows}


def script_value(folder: Path, set_up: SetUp) -> float:
    """The final value of a plain script that sets the same classes."""
    text = "\n".join((folder / name).read_text() for name in ("rates.py", "cross.py", "fees.py"))
    names: dict[str, Any] = {"__name__": __name__}
    exec(text.replace("from rates import STAMP", ""), names)
    task = run_task(job(folder, engine="backtrader-stock"), 0)
    bars = task.strategy.data
    columns = {
        name: getattr(bars.lines, name).array for name in ("open", "high", "low", "close", "volume")
    }
    index = pd.DatetimeIndex([bt.num2date(number) for number in bars.lines.datetime.array])
    cerebro = bt.Cerebro()
    cerebro.adddata(bt.feeds.PandasData(dataname=pd.DataFrame(columns, index=index)))
    cerebro.broker.setcash(100_000.0)
    set_up(cerebro, names)
    if not cerebro.signals:
        cerebro.addstrategy(names["Cross"])
    cerebro.run()
    return float(cerebro.broker.getvalue())


def test_a_sizer_of_backtraders_sizes_orders(folder: Path) -> None:
    expected = script_value(folder, lambda c, names: c.addsizer(bt.sizers.FixedSize, stake=20))
    assert final_values(folder, sizer={"class": "FixedSize", "stake": 20}) == {expected}


def test_a_sizer_of_the_strategys_own_file_sizes_orders(folder: Path) -> None:
    expected = script_value(folder, lambda c, names: c.addsizer(names["Half"], part=0.3))
    assert final_values(folder, sizer={"class": "cross.py:Half", "part": 0.3}) == {expected}


def test_a_commission_scheme_of_another_file_charges_orders(folder: Path) -> None:
    def set_up(cerebro: bt.Cerebro, names: dict[str, Any]) -> None:
        cerebro.addsizer(names["Half"])
        cerebro.broker.addcommissioninfo(names["Stamp"](floor=5.0))

    broker = {"commission": {"class": "fees.py:Stamp", "floor": 5.0}}
    sizer = {"class": "cross.py:Half"}
    values = final_values(folder, broker=broker, sizer=sizer)
    assert values == {script_value(folder, set_up)}
    of_symbol = {"symbols": {"600519": broker}}
    assert final_values(folder, broker=of_symbol, sizer=sizer) == values


@pytest.mark.parametrize("own", [False, True])
def test_a_volume_filler_limits_fills(folder: Path, own: bool) -> None:
    table = {"class": "fees.py:Tenth"} if own else {"class": "FixedBarPerc", "perc": 0.001}

    def set_up(cerebro: bt.Cerebro, names: dict[str, Any]) -> None:
        cerebro.addsizer(names["Half"])
        filler = names["Tenth"]() if own else bt.fillers.FixedBarPerc(perc=0.001)
        cerebro.broker.set_filler(filler)

    values = final_values(folder, broker={"volume_filler": table}, sizer={"class": "cross.py:Half"})
    assert values == {script_value(folder, set_up)}


def test_signals_trade_as_those_of_cerebro(folder: Path) -> None:
    def set_up(cerebro: bt.Cerebro, names: dict[str, Any]) -> None:
        cerebro.add_signal(bt.SIGNAL_LONGSHORT, names["Rise"], period=15)
        cerebro.add_signal(bt.SIGNAL_LONGSHORT, names["Rise"], period=5)
        cerebro.add_signal(bt.SIGNAL_LONGEXIT, bt.ind.MACD)
        cerebro.signal_accumulate(True)

    rises = [{"class": "cross.py:Rise", "period": period} for period in (15, 5)]
    values = final_values(
        folder,
        strategy=str(folder / "cross.py:BySignals"),
        params={"_accumulate": True},
        signals={"longshort": rises, "longexit": "MACD"},
    )
    assert values == {script_value(folder, set_up)}


def test_arguments_of_signals_are_swept_as_parameters(folder: Path) -> None:
    rises = [{"class": "cross.py:Rise"}, {"class": "cross.py:Rise", "period": 5}]
    swept = job(
        folder,
        strategy=str(folder / "cross.py:BySignals"),
        params={"longshort_1_period": [9, 15]},
        signals={"longshort": rises, "longexit": "MACD"},
    )
    points = plan_job(swept).manifest.points
    assert points.names == (
        "longexit_period_me1", "longexit_period_me2", "longexit_period_signal",
        "longshort_1_period", "longshort_2_period",
    )  # fmt: skip
    for task, period in enumerate((9, 15)):

        def set_up(cerebro: bt.Cerebro, names: dict[str, Any], period: int = period) -> None:
            cerebro.add_signal(bt.SIGNAL_LONGSHORT, names["Rise"], period=period)
            cerebro.add_signal(bt.SIGNAL_LONGSHORT, names["Rise"], period=5)
            cerebro.add_signal(bt.SIGNAL_LONGEXIT, bt.ind.MACD)

        assert run_task(swept, task).row["final_value"] == script_value(folder, set_up)


def test_parameter_of_a_signal_cannot_have_the_name_of_another(folder: Path) -> None:
    text = STRATEGY.replace("class BySignals(bt.SignalStrategy):\n    pass", """
class BySignals(bt.SignalStrategy):
    params = (("long_period", 3),)""")  # fmt: skip
    (folder / "cross.py").write_text(text)
    with pytest.raises(JobError, match="'long_period' would be the name of two parameters"):
        plan_job(
            job(
                folder,
                strategy=str(folder / "cross.py:BySignals"),
                signals={"long": {"class": "cross.py:Rise"}},
            )
        )


def test_signals_need_no_strategy_of_ones_own(folder: Path) -> None:
    def set_up(cerebro: bt.Cerebro, names: dict[str, Any]) -> None:
        cerebro.add_signal(bt.SIGNAL_LONG, bt.ind.MACD, period_me1=9)

    macd = {"class": "MACD", "period_me1": 9}
    asked: dict[str, Any] = {"strategy": "backtrader:SignalStrategy", "signals": {"long": macd}}
    assert final_values(folder, **asked) == {script_value(folder, set_up)}
    other = {**asked, "signals": {"long": {**macd, "period_me1": 8}}}
    ids = {plan_job(job(folder, **more)).manifest.run_id for more in (asked, other)}
    assert len(ids) == 2


def test_numbers_of_analyzers_are_columns(folder: Path) -> None:
    analyzers = {
        "sqn": "SQN",
        "trades": {"class": "TradeAnalyzer"},
        "by_year": {"class": "TimeReturn", "timeframe": 8},
    }
    rows = [
        run_task(job(folder, engine=name, results={"analyzers": analyzers}), 0).row
        for name in ENGINES
    ]
    assert json.dumps(rows[0]) == json.dumps(rows[1])
    assert rows[0]["sqn_trades"] == rows[0]["trades_total_closed"] == rows[0]["trades"] - 0.0
    assert rows[0]["trades_pnl_net_total"] == pytest.approx(rows[0]["final_value"] - 1e5, abs=1e3)
    assert not [name for name in rows[0] if name.startswith("by_year")]


def test_tables_of_analyzers_are_details(folder: Path) -> None:
    """Those of `Transactions` say the same as the fills, and the years multiply to the return."""
    analyzers = {
        "by_year": {"class": "TimeReturn", "timeframe": 8},
        "transactions": {"class": "Transactions", "headers": True},
        "annual": "AnnualReturn",
    }
    run = bf.run(job(folder, results={"analyzers": analyzers}), progress=None)
    tables = dict(iter(run.analyzers(0).groupby("analyzer")))

    total = run.results()["total_return"].iloc[0]
    for name in ("by_year", "annual"):
        assert np.prod(1 + tables[name]["value"]) - 1 == pytest.approx(total, rel=1e-9)
    assert [str(day) for day in tables["by_year"]["session"]] == [
        "2019-12-31", "2020-12-31", "2021-12-31"
    ]  # fmt: skip
    assert tables["annual"]["key"].tolist() == ["2019", "2020", "2021"]

    transactions, fills = tables["transactions"], run.fills(0)
    assert set(transactions[transactions["key"] != ""]["text"]) >= {"amount", "price"}
    rows = transactions[transactions["key"] == ""]
    assert rows[rows["column"] == 0]["value"].tolist() == fills["size"].tolist()
    assert rows[rows["column"] == 1]["value"].tolist() == fills["price"].tolist()
    assert rows[rows["column"] == 3]["text"].unique().tolist() == ["600519"]
    assert rows[rows["column"] == 0]["session"].tolist() == fills["session"].tolist()

    in_sql = run.query("SELECT sum(value) AS total FROM analyzers WHERE analyzer = 'by_year'")
    assert in_sql["total"].iloc[0] == pytest.approx(tables["by_year"]["value"].sum())
    assert task_page(run, 0).data["analyzers"]["rows"] == len(run.analyzers(0))
    without = bf.run(job(folder), progress=None)
    with pytest.raises(RunNotFound, match=r"its job has no \[results.analyzers\]"):
        without.analyzers(0)
    assert len(bf.query(str(folder / "runs"), "SELECT * FROM analyzers")) == len(run.analyzers(0))


def test_workers_run_a_job_with_classes_and_their_code_belongs_to_the_run(folder: Path) -> None:
    request = job(
        folder,
        broker={"commission": {"class": "fees.py:Stamp"}},
        sizer={"class": "cross.py:Half"},
        results={"analyzers": {"sqn": "SQN"}},
    )
    run = bf.run(request, progress=None)
    row = run.results().iloc[0]
    assert row["status"] != "error", row["error"]
    assert row["sqn_trades"] > 0
    (folder / "rates.py").write_text("STAMP = 0.002\n")
    assert plan_job(request).manifest.run_id != run.id


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            {"sizer": {"class": "FixedSiz"}},
            "sizer: 'FixedSiz': backtrader has no sizer 'FixedSiz'; did you mean 'FixedSize'?",
        ),
        (
            {"sizer": {"class": "FixedSize", "stakes": 1}},
            "sizer: stakes: FixedSize has no parameter 'stakes'; did you mean 'stake'?",
        ),
        (
            {"sizer": {"class": "cross.py:Haf"}},
            "sizer: 'cross.py:Haf': cross.py has no sizer 'Haf'; did you mean 'Half'?",
        ),
        (
            {"sizer": {"class": "fees.py:Stamp"}},
            "sizer: 'fees.py:Stamp' is no subclass of backtrader's Sizer",
        ),
        ({"sizer": {"class": "nobody.py:X"}}, "sizer.class: nobody.py must be a file in the"),
        ({"sizer": {"class": "nobody.at:X"}}, "sizer.class: there is no module 'nobody.at' here"),
        ({"sizer": {"stake": 1}}, 'sizer: must have a class, such as class = "NAME"'),
        (
            {"sizer": {"class": "a/b.py:X"}},
            'sizer: class = "a/b.py:X" must name a file in the strategy\'s folder',
        ),
        (
            {"sizer": {"class": "FixedSize", "stake": [1]}},
            "sizer: stake = [1] must be a number, text in quotes or a bool",
        ),
        (
            {"broker": {"commission": {"class": "fees.py:Stamp"}, "minimum_commission": 1}},
            "broker: minimum_commission cannot be combined with a class of commissions",
        ),
        (
            {"signals": {"long": "MACD"}},
            "signals: /",
        ),
        (
            {"signals": {"longshot": "MACD"}},
            "signals.longshot = \"longshot\": is no kind of signal; did you mean 'longshort'?",
        ),
        (
            {"strategy": "backtrader:SignalStrategy", "signals": {"long": "MACDE"}},
            "signals.long: 'MACDE': backtrader has no signal 'MACDE'; did you mean 'MACD'?",
        ),
        (
            {"strategy": "sma-crossover", "signals": {"long": "MACD"}},
            "signals: sma-crossover is no backtrader.SignalStrategy, which trades by signals.",
        ),
        (
            {"results": {"analyzers": {"Sqn": "SQN"}}},
            "results.analyzers.Sqn",
        ),
        (
            {"results": {"analyzers": {"sqn": "SQM"}}},
            "results.analyzers.sqn: 'SQM': backtrader has no analyzer 'SQM'; did you mean 'SQN'?",
        ),
    ],
)
def test_a_wrong_class_is_refused_with_its_key(
    folder: Path, more: dict[str, Any], message: str
) -> None:
    with pytest.raises(JobError) as refusal:
        plan_job(job(folder, **more))
    assert str(refusal.value).startswith(message)


def test_a_vector_strategy_sizes_its_own_orders(folder: Path) -> None:
    request = job(folder, strategy="sma-crossover", sizer={"class": "FixedSize"})
    with pytest.raises(JobError, match="sizer: a VectorStrategy sizes its own orders"):
        plan_job(request)


def test_analyzers_of_a_vector_strategy_need_backtrader(folder: Path) -> None:
    more: dict[str, Any] = {"strategy": "sma-crossover", "results": {"analyzers": {"sqn": "SQN"}}}
    assert run_task(job(folder, **more), 0).row["sqn_trades"] > 0
    with pytest.raises(JobError, match=r"^results\.analyzers: the engine 'vector' does not know"):
        plan_job(job(folder, engine="vector", **more))

"""A script's broker: what a job has keys for, and statements for the rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from backfleet.adopt.observation import Statement
from backfleet.adopt.python_code import NoCode, PythonCode, arguments_code, code_of
from backfleet.engines.bt import bt
from backfleet.engines.fast.broker import FastBroker

__all__ = ["BrokerSetup"]

SLIPPAGE = {"slip_open": True, "slip_limit": True, "slip_match": True, "slip_out": False}
"""The switches that `set_slippage_fixed` sets by default, as the job's `broker.slippage` does."""
SWITCHES = {
    "checksubmit": ("set_checksubmit", "whether cash is checked at submission"),
    "eosbar": ("set_eosbar", "fills at the end of the session"),
    "coc": ("set_coc", "fills at the close of the bar"),
    "int2pnl": ("set_int2pnl", "where interest is booked"),
    "shortcash": ("set_shortcash", "cash of short sales"),
}


@dataclass(frozen=True)
class BrokerSetup:
    """The settings of a broker before a run.

    Attributes
    ----------
    commission, slippage
        As in a job; 0 if statements set them.
    """

    cash: float
    commission: float
    slippage: float
    statements: tuple[Statement, ...]
    refusals: tuple[str, ...]

    @classmethod
    def of(cls, broker: Any) -> BrokerSetup:
        """Read a broker, which has not been started yet."""
        if type(broker) not in (bt.brokers.BackBroker, FastBroker):
            reason = f"the broker is a {type(broker).__name__}, and a job has backtrader's own"
            return cls(1.0, 0.0, 0.0, (), (reason,))
        statements: list[Statement] = []
        refusals = list(_refusals(broker))
        commission = _plain_commission(broker)
        slippage = _plain_slippage(broker.p)
        try:
            if commission is None:
                statements += map(_commission_statement, broker.comminfo.items())
            if slippage is None:
                statements.append(_slippage_statement(broker.p))
        except NoCode as error:
            refusals.append(f"the commission scheme cannot be written: {error}")
        statements += _switches(broker.p)
        given = float(broker.startingcash)
        return cls(given, commission or 0.0, slippage or 0.0, tuple(statements), tuple(refusals))


def _refusals(broker: Any) -> Iterator[str]:
    if broker.startingcash <= 0:
        yield f"the account begins with {broker.startingcash!r} in cash; a job needs more than 0"
    if broker.p.coo:
        yield "cheat-on-open is switched on, and a job has no such switch"
    if broker.p.filler is not None:
        yield "orders are filled by a volume filler, and a job has none"
    if any(position.size for position in broker.positions.values()):
        yield "the account begins with positions"
    if broker._cash_addition:
        yield "cash is added to the account before the run"


def _plain_commission(broker: Any) -> float | None:
    """The commission as a fraction of the traded value; None for other schemes."""
    scheme = broker.comminfo.get(None)
    if len(broker.comminfo) > 1 or type(scheme) not in (bt.CommInfoBase, bt.CommissionInfo):
        return None
    commission = scheme.p.commission
    reference = bt.CommInfoBase(commission=commission, percabs=True)
    if _facts(scheme) != _facts(reference) or not 0 <= commission < 1:
        return None
    return float(commission)


def _facts(scheme: Any) -> tuple[Any, ...]:
    """What decides the fees of a scheme that is not a class of the script."""
    params = {name: value for name, value in scheme.p._getkwargs().items() if name != "percabs"}
    return scheme._stocklike, scheme._commtype, params


def _commission_statement(item: tuple[str | None, Any]) -> Statement:
    name, scheme = item
    cls = type(scheme)
    defaults = cls.params._getpairs()
    given = scheme.p._getkwargs()
    # A scheme that takes its commission in percent has divided it by 100 already.
    given["percabs"] = scheme._commtype == cls.COMM_PERC
    given = {name: value for name, value in given.items() if value != defaults[name]}
    called, arguments = code_of(cls), arguments_code((), given)
    symbol = "" if name is None else f", name={name!r}"
    text = f"self.broker.addcommissioninfo({called.text}({arguments.text}){symbol})"
    code = PythonCode(text, called.imports + arguments.imports, called.names + arguments.names)
    of_feed = "" if name is None else f" of {name}"
    return Statement("start", code, f"the commission scheme {cls.__name__}{of_feed}", name)


def _plain_slippage(p: Any) -> float | None:
    """The slippage as a job has it; None for any other."""
    if not p.slip_perc and not p.slip_fixed:
        return 0.0
    if p.slip_perc or any(getattr(p, name) != value for name, value in SLIPPAGE.items()):
        return None
    return float(p.slip_fixed)


def _slippage_statement(p: Any) -> Statement:
    kind, amount = ("perc", p.slip_perc) if p.slip_perc else ("fixed", p.slip_fixed)
    switches = {name: getattr(p, name) for name in SLIPPAGE if getattr(p, name) != SLIPPAGE[name]}
    arguments = arguments_code((amount,), switches)
    code = PythonCode(f"self.broker.set_slippage_{kind}({arguments.text})", arguments.imports)
    return Statement("start", code, "the slippage")


def _switches(p: Any) -> Iterator[Statement]:
    defaults = bt.brokers.BackBroker.params._getpairs()
    for name, (method, words) in SWITCHES.items():
        value = getattr(p, name)
        if value != defaults[name]:
            yield Statement("start", PythonCode(f"self.broker.{method}({value!r})"), words)
    if p.fundmode:
        text = f"self.broker.set_fundmode({p.fundmode!r}, {p.fundstartval!r})"
        yield Statement("start", PythonCode(text), "the fund mode")

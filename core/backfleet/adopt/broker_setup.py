"""A script's broker as the `[broker]` of a job, and statements for the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backfleet.adopt.class_tables import ClassTable, class_table_of
from backfleet.adopt.observation import Statement
from backfleet.adopt.python_code import NoCode, PythonCode, arguments_code, python_code_of
from backfleet.engines.bt import bt
from backfleet.engines.fast.broker import FastBroker

__all__ = ["BrokerSetup"]

SLIPPAGE = {"slip_open": True, "slip_limit": True, "slip_match": True, "slip_out": False}
"""The switches of slippage, with the values that a job has by default."""
KEYS = {
    "checksubmit": "check_cash_at_submission",
    "eosbar": "session_end_fills",
    "coc": "fill_at_close",
    "int2pnl": "interest_in_pnl",
    "shortcash": "short_cash",
    "fundmode": "fund_mode",
    "fundstartval": "fund_start_value",
}
"""The key of a job by the broker's parameter."""
TERMS = {
    "mult": "multiplier",
    "leverage": "leverage",
    "interest": "interest",
    "interest_long": "interest_on_long",
}


@dataclass(frozen=True)
class BrokerSetup:
    """The settings of a broker before a run.

    Attributes
    ----------
    table
        The job's `[broker]`.
    classes
        Code of the script's classes in it.
    statements
        What it cannot say.
    """

    table: Mapping[str, Any]
    classes: tuple[PythonCode, ...]
    statements: tuple[Statement, ...]
    refusals: tuple[str, ...]

    @classmethod
    def of(cls, cerebro: Any) -> BrokerSetup:
        """Read the broker of a Cerebro, which has not been started yet."""
        broker = cerebro.broker
        # A subclass may fill orders by rules of its own.
        if type(broker) not in (bt.brokers.BackBroker, FastBroker):
            reason = f"the broker is a {type(broker).__name__}, and a job has backtrader's own"
            return cls({"cash": 1.0}, (), (), (reason,))
        reading = _Reading(broker, [feed._name for feed in cerebro.datas])
        reading.read()
        if cerebro.p.cheat_on_open:
            # Cerebro's switch counts: it turns on the broker's own when the run starts.
            reading.table["cheat_on_open"] = True
        refusals = [*_refusals(cerebro), *reading.refusals]
        classes, statements = tuple(reading.classes), tuple(reading.statements)
        return cls(reading.table, classes, statements, tuple(refusals))


def _refusals(cerebro: Any) -> Iterator[str]:
    broker = cerebro.broker
    if broker.startingcash <= 0:
        yield f"the account begins with {broker.startingcash!r} in cash; a job needs more than 0"
    if broker.p.coo and not cerebro.p.cheat_on_open:
        yield "the broker fills at the open, and Cerebro does not call next_open; a job has both"
    if cerebro.p.cheat_on_open and not cerebro.p.broker_coo:
        yield "Cerebro calls next_open, and the broker does not fill at the open; a job has both"
    if any(position.size for position in broker.positions.values()):
        yield "the account begins with positions"
    if broker._cash_addition:
        yield "cash is added to the account before the run"


class _Reading:
    """Reads a broker into a table."""

    def __init__(self, broker: Any, names: Sequence[str]) -> None:
        self._broker = broker
        self._names = names
        self.table: dict[str, Any] = {"cash": float(broker.startingcash)}
        self.classes: list[PythonCode] = []
        self.statements: list[Statement] = []
        self.refusals: list[str] = []

    def read(self) -> None:
        for name, scheme in self._broker.comminfo.items():
            # None is the scheme of all feeds without one of their own; other names never apply.
            if name is None or name in self._names:
                self._read_commission(name, scheme)
        self._read_slippage(self._broker.p)
        defaults = bt.brokers.BackBroker.params._getpairs()
        for name, key in KEYS.items():
            value = getattr(self._broker.p, name)
            # Keys with backtrader's default are left out, so that the job stays short.
            if value != defaults[name]:
                self.table[key] = float(value) if name == "fundstartval" else bool(value)
        self._read_filler(self._broker.p.filler)

    def _read_commission(self, name: str | None, scheme: Any) -> None:
        try:
            commission = self._noted(_commission_class(scheme))
        except NoCode:
            try:
                self.statements.append(_commission_statement(name, scheme))
            except NoCode as error:
                self.refusals.append(f"the commission scheme cannot be written: {error}")
            return
        if name is not None:
            self.table.setdefault("symbols", {})[name] = {"commission": commission}
        elif commission:
            self.table["commission"] = commission

    def _read_slippage(self, p: Any) -> None:
        if not p.slip_perc and not p.slip_fixed:
            return
        # The job's keys are backtrader's names without "slip_".
        switches = {name[5:]: bool(getattr(p, name)) for name in SLIPPAGE}
        given = {key: value for key, value in switches.items() if value != SLIPPAGE[f"slip_{key}"]}
        # backtrader uses the fixed amount only without a percentage.
        amount = float(p.slip_perc or p.slip_fixed)
        if amount < 0 or (p.slip_perc and amount >= 1):
            self.statements.append(_slippage_statement(p))
        elif p.slip_perc:
            self.table["slippage"] = {"rate": amount, **given}
        else:
            self.table["slippage"] = {"per_share": amount, **given} if given else amount

    def _read_filler(self, filler: Any) -> None:
        if filler is None:
            return
        try:
            # backtrader's fillers have parameters; a callable of the script's own may lack them.
            arguments = _given(filler) if hasattr(filler, "p") else {}
            # Attributes of an object without parameters are lost when a worker makes another one.
            if not hasattr(filler, "p") and getattr(filler, "__dict__", True):
                raise NoCode(f"{filler!r} is no object of a class without state")
            table = class_table_of(type(filler), "volume filler", arguments)
            self.table["volume_filler"] = self._noted(table)
        except NoCode as error:
            self.refusals.append(f"the volume filler cannot be written: {error}")

    def _noted(self, value: ClassTable | Any) -> Any:
        """The value for the job; the code of a class is noted."""
        if not isinstance(value, ClassTable):
            return value
        if value.code is not None:
            self.classes.append(value.code)
        return dict(value.table)


def _given(configured: Any) -> dict[str, Any]:
    """The parameters of an object that are not the defaults of its class."""
    defaults = type(configured).params._getpairs()
    given = configured.p._getkwargs()
    return {name: value for name, value in given.items() if value != defaults[name]}


def _commission_class(scheme: Any) -> float | dict[str, Any] | ClassTable:
    """A commission scheme as the value of a job. Raises NoCode."""
    # A subclass may compute anything, so it is taken as a class.
    if type(scheme) not in (bt.CommInfoBase, bt.CommissionInfo):
        return class_table_of(type(scheme), "commission scheme", _scheme_params(scheme))
    # `_commtype` and `_stocklike` are what backtrader has derived from the parameters.
    p, by_value = scheme.p, scheme._commtype == bt.CommInfoBase.COMM_PERC
    # From here on, whatever the job's keys do not accept becomes a statement in a subclass.
    if p.automargin or p.commission < 0 or (by_value and p.commission >= 1):
        raise NoCode("a job has no such commission")
    table = {"rate" if by_value else "per_share": float(p.commission)} if p.commission else {}
    defaults = bt.CommInfoBase.params._getpairs()
    for name, key in TERMS.items():
        value = getattr(p, name)
        if value != defaults[name]:
            table[key] = bool(value) if name == "interest_long" else float(value)
    if not scheme._stocklike:
        table["margin"] = float(p.margin)
    if any(table.get(key, 1.0) <= 0 for key in ("margin", "multiplier", "leverage")):
        raise NoCode("a job has no such margin, multiplier or leverage")
    if table.get("interest", 0.0) < 0:
        raise NoCode("a job has no negative interest")
    # The shortest form: a number is a rate, and 0 is no commission.
    return table.get("rate", 0.0) if set(table) <= {"rate"} else table


def _scheme_params(scheme: Any) -> dict[str, Any]:
    """The arguments that give a commission scheme again."""
    cls = type(scheme)
    defaults = cls.params._getpairs()
    given = scheme.p._getkwargs()
    if scheme._commtype == cls.COMM_PERC and not scheme.p.percabs:
        # The scheme takes its commission in percent, and has divided it by 100 already.
        percent = scheme.p.commission * 100
        is_exact = percent / 100 == scheme.p.commission
        given |= {"commission": percent} if is_exact else {"percabs": True}
    return {name: value for name, value in given.items() if value != defaults[name]}


def _commission_statement(name: str | None, scheme: Any) -> Statement:
    cls = type(scheme)
    called, arguments = python_code_of(cls), arguments_code((), _scheme_params(scheme))
    symbol = "" if name is None else f", name={name!r}"
    text = f"self.broker.addcommissioninfo({called.text}({arguments.text}){symbol})"
    code = PythonCode(text, called.imports + arguments.imports, called.names + arguments.names)
    of_feed = "" if name is None else f" of {name}"
    return Statement("start", code, f"the commission scheme {cls.__name__}{of_feed}", name)


def _slippage_statement(p: Any) -> Statement:
    kind, amount = ("perc", p.slip_perc) if p.slip_perc else ("fixed", p.slip_fixed)
    switches = {name: getattr(p, name) for name in SLIPPAGE if getattr(p, name) != SLIPPAGE[name]}
    arguments = arguments_code((amount,), switches)
    code = PythonCode(f"self.broker.set_slippage_{kind}({arguments.text})", arguments.imports)
    return Statement("start", code, "the slippage")

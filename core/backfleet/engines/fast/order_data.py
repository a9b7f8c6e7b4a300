"""Creation and execution data of orders, without fields that are the same in most orders.

Of the twenty attributes of a `backtrader.OrderData`, those of an order that has not been filled
have the same values in all, and are attributes of the classes here. A first fill is kept as it is;
the deque of all fills is made when somebody asks for it. Whoever inspects such an object with
`vars`, copies or pickles it, turns it into a plain `OrderData`.

Must equal: every attribute of an `OrderData`, whenever it is read.
"""

# mypy: allow-subclassing-any

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

from backtrader.order import OrderData

__all__ = ["CreationData", "ExecutionData", "LeanData", "UnfilledData"]

FIELDS: Any = vars(OrderData)["__dict__"]
ORDER_OF_FIELDS = (
    "pclose", "exbits", "p1", "p2", "dt", "size", "remsize", "price", "pricelimit", "trailamount",
    "trailpercent", "_plimit", "value", "comm", "margin", "pnl", "psize", "pprice",
)  # fmt: skip
PRIVATE = {"first", "source", "_bits"}


class LeanData(OrderData):
    """An `OrderData` whose attributes are its class's until they are set.

    Attributes
    ----------
    first
        The first fill, if it was taken without a deque.
    source
        The data whose fills these are, too; None if they are its own.
    """

    dt: Any = None
    margin: Any = None
    trailamount: Any = None
    trailpercent: Any = None
    price = pricelimit = pclose = value = comm = pnl = 0.0
    size = remsize = p1 = p2 = psize = pprice = 0
    _plimit: Any = None
    first: Any = None
    source: Any = None
    _bits: deque[Any] | None = None

    @property
    def __dict__(self) -> dict[str, Any]:  # type: ignore[override]
        """Become a plain `OrderData`, as which the object is inspected and copied."""
        fields = FIELDS.__get__(self)
        # Whoever gets the dictionary may write to it, so all fields must be in it, and the class
        # must be one that reads them there.
        full = self.all_fields()
        fields.clear()
        fields.update(full)
        object.__setattr__(self, "__class__", OrderData)
        return fields  # type: ignore[no-any-return]

    def all_fields(self) -> dict[str, Any]:
        """Return the attributes that an `OrderData` has, in backtrader's order."""
        full = {name: getattr(self, name) for name in ORDER_OF_FIELDS}
        own = FIELDS.__get__(self).items()
        # Attributes that a script has added, behind backtrader's
        return full | {name: value for name, value in own if name not in PRIVATE}

    def plain_copy(self) -> OrderData:
        """Return an `OrderData` with the same values."""
        copied = object.__new__(OrderData)
        copied.__dict__.update(self.all_fields())
        return copied

    def __reduce_ex__(self, protocol: Any) -> Any:
        return object.__new__, (OrderData,), self.__dict__.copy()

    @property
    def exbits(self) -> deque[Any]:
        if self._bits is None:
            # A copy's deque is that of the order, as in backtrader, where copies share it.
            if self.source is not None:
                self._bits = self.source.exbits
            else:
                self._bits = deque(self._fills())
        return self._bits

    def _fills(self) -> Any:
        """All fills, in a deque only if there is one already."""
        whole = self if self.source is None else self.source
        if type(whole) is OrderData:
            return whole.exbits
        if whole._bits is not None:
            return whole._bits
        return () if whole.first is None else (whole.first,)

    def iterpending(self) -> Iterator[Any]:
        fills = self._fills()
        if type(fills) is tuple:
            # `p1` and `p2` bound the fills that a copy reports.
            return iter(fills[self.p1 : self.p2])
        return super().iterpending()  # type: ignore[no-any-return]

    def markpending(self) -> None:
        # As `OrderData.markpending`, without making a deque
        self.p1, self.p2 = self.p2, len(self._fills())

    def clone(self) -> Any:
        self.markpending()
        copied = object.__new__(type(self))
        # Past the property `__dict__`, which would turn both into plain ones
        FIELDS.__set__(copied, FIELDS.__get__(self).copy())
        if self.source is None:
            copied.source = self
        return copied


class CreationData(LeanData):
    """The data with which an order was created."""


class ExecutionData(LeanData):
    """The executed size, price, value and commission of an order."""

    trailamount: Any = 0.0
    trailpercent: Any = 0.0
    _plimit: Any = 0.0

    def take(self, bit: Any) -> None:
        """`addbit`, for a first fill without its deque."""
        # From the second fill on, the mean price needs backtrader's own sums.
        if self.size:
            self.addbit(bit)
            return
        # Somebody has asked for the deque before the first fill, and still holds it.
        if self._bits is not None:
            self._bits.append(bit)
        self.first, self.dt, self.size = bit, bit.dt, 0 + bit.size
        self.remsize -= bit.size
        # Adding to zero, as backtrader does, is not nothing for a negative zero.
        self.price = (0.0 + bit.size * bit.price) / bit.size
        self.value, self.comm, self.pnl = 0.0 + bit.value, 0.0 + bit.comm, 0.0 + bit.pnl
        self.psize, self.pprice = bit.psize, bit.pprice


class UnfilledData(ExecutionData):
    """The execution data of an order before its first fill: it knows only the execution bits."""


for _lean in (LeanData, CreationData, ExecutionData, UnfilledData):
    # Scripts print the class, and pickles name it.
    _lean.__name__ = _lean.__qualname__ = OrderData.__name__
    _lean.__module__ = OrderData.__module__

"""The source `cn-daily`: daily bars of Chinese stocks, in the columns of their vendor."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from backfleet.bars import Bars
from backfleet.errors import DataError
from backfleet.sources.files import FileSource
from backfleet.sources.layout import ColumnOptions, find_layout

if TYPE_CHECKING:
    from backfleet.sources.table import Table

__all__ = ["CnDailySource"]

TICKER = re.compile(r"[0-9]{6}")
COLUMNS = ColumnOptions(
    date="tradedate",
    open="openprice",
    high="highestprice",
    low="lowestprice",
    close="closeprice",
    volume="turnovervol",
    factor="accumadjfactor",
    tradable="isopen",
)


class CnDailySource(FileSource):
    """One CSV file a ticker of six digits; `accumadjfactor` adjusts, `isopen` tells suspensions."""

    name = "cn-daily"
    suffix = ".csv"

    def parse(self, symbol: str, content: bytes) -> Bars:
        # These import pyarrow, which bars from the cache do not need.
        from backfleet.sources.columns import Reading, bars_of
        from backfleet.sources.csv_file import CsvFile

        file = CsvFile.open(self.describe(symbol), content, ",")
        layout = find_layout(file.origin, file.names, COLUMNS, self.settings.columns)
        if "ticker" not in file.names:
            raise DataError(f"{file.origin}: row 1: there is no column 'ticker'")
        # As text, since tickers have zeros in front; `ticker` may be an extra column, too.
        table = file.read(tuple(dict.fromkeys((*layout.columns, "ticker"))))
        _check_tickers(table, symbol)
        return bars_of(table, Reading(symbol, layout, None, self.settings.timezone))

    def check_symbol(self, symbol: str) -> None:
        super().check_symbol(symbol)
        if not TICKER.fullmatch(symbol):
            raise DataError(
                f"symbol {symbol!r}: a symbol of cn-daily is a ticker of six digits, as in "
                f"{self.describe('600519')}"
            )


def _check_tickers(table: Table, symbol: str) -> None:
    from backfleet.sources.table import texts

    # Spreadsheets drop the zeros in front.
    for row, ticker in enumerate(texts(table, "ticker")):
        if ticker.zfill(6) != symbol:
            raise table.bad_value("ticker", row, f"not {symbol}, after which the file is named")

"""The cells of a table on a terminal."""

import pyarrow as pa

from backfleet.cli.table import table_lines


def test_a_number_that_rounds_to_zero_has_no_sign() -> None:
    rows = pa.table({"total_return": [-0.00001], "sharpe": [-0.004], "mine": [-0.0]})

    *_, cells = table_lines(rows, ["total_return", "sharpe", "mine"])

    assert cells.split() == ["0.0000", "0.00", "0"]

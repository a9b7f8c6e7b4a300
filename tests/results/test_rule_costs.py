"""Costs of rules: means, totals and the interaction, over the tasks that all runs have."""

from __future__ import annotations

import pyarrow as pa
import pytest

from backfleet.results.rule_costs import COST_COLUMNS, rule_costs


def rows(**columns: list[float | None]) -> pa.Table:
    """Return rows of two tasks; columns that are not named are all zero."""
    return pa.table(
        {name: pa.array(columns.get(name, [0.0, 0.0]), pa.float64()) for name in COST_COLUMNS}
    )


BASE = rows(total_return=[0.10, 0.20], sharpe=[1.0, None], trades=[4, 6])


def test_costs_are_values_without_the_rule_minus_values_with_it() -> None:
    variants = {
        ("lots", "a"): rows(total_return=[0.13, 0.25], sharpe=[1.5, None], trades=[5, 6]),
        ("limits", "b"): rows(total_return=[0.10, 0.19], sharpe=[1.0, 2.0], trades=[4, 9]),
        ("all rules", "c"): rows(total_return=[0.12, 0.30], sharpe=[2.0, None], trades=[7, 7]),
    }
    costs = rule_costs(BASE, variants, [3, 8])
    lots, limits = costs.rules
    assert (lots.rule, lots.run_id, lots.changed, lots.failed) == ("lots", "a", 2, 0)
    assert lots.means["total_return"].mean == pytest.approx(0.04)
    assert lots.means["total_return"].worst == pytest.approx(0.05)
    assert lots.means["total_return"].worst_task == 8
    assert limits.means["total_return"].mean == pytest.approx(-0.005)
    assert (limits.totals["trades"], limits.changed) == (3, 1)
    assert costs.with_rules["trades"] == 10
    assert costs.interaction["total_return"] == pytest.approx(0.06 - 0.04 + 0.005)
    assert costs.interaction["trades"] == 4 - 1 - 3
    assert costs.returns[2].tolist() == pytest.approx([0.02, 0.10])


def test_a_task_without_a_value_is_left_out_of_its_rule_and_of_the_interaction() -> None:
    variants = {
        ("lots", "a"): rows(total_return=[0.13, None], final_value=[0.0, None]),
        ("all rules", "c"): rows(total_return=[0.12, 0.30]),
    }
    costs = rule_costs(BASE, variants, [0, 1])
    assert costs.rules[0].failed == 1
    assert costs.rules[0].cost("total_return") == pytest.approx(0.03)
    assert costs.together.cost("total_return") == pytest.approx(0.06)
    assert costs.together.cost("sharpe") == -1.0
    assert costs.interaction["total_return"] == pytest.approx(0.02 - 0.03)


def test_a_metric_that_no_task_has_costs_nothing_known() -> None:
    none: dict[str, list[float | None]] = {"sharpe": [None, None]}
    costs = rule_costs(rows(**none), {("lots", "a"): rows(**none), ("all", "b"): rows()}, [0, 1])
    assert costs.with_rules["sharpe"] is None
    assert costs.rules[0].means["sharpe"].mean is None
    assert costs.interaction["sharpe"] is None

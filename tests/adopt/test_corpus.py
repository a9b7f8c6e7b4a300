"""Scripts of many kinds become jobs with their exact final value, or are refused with a reason."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from adopt.scripts import REFUSED, SCRIPTS
from backfleet.adopt.adopt import Adoption
from backfleet.errors import UserError

Adopt = Callable[..., Adoption]


@pytest.mark.parametrize("name", SCRIPTS)
def test_script_becomes_a_job_with_its_exact_value(name: str, adopt_text: Adopt) -> None:
    adoption = adopt_text(SCRIPTS[name])
    assert adoption.is_equal, [*adoption.comparisons, *adoption.notes]
    values = {comparison.script for comparison in adoption.comparisons}
    assert values - {"10000.0", "50000.0", "20000.0", "skipped"}, "the script does not trade"
    assert Path("adopted", "job.toml").is_file()


@pytest.mark.parametrize("name", REFUSED)
def test_script_is_refused_with_a_reason_and_leaves_nothing(name: str, adopt_text: Adopt) -> None:
    text, reason = REFUSED[name]
    before = sorted(os.listdir())
    with pytest.raises(UserError) as refusal:
        adopt_text(text)
    assert reason in str(refusal.value)
    assert sorted({*os.listdir()} - {"script.py"}) == before

"""Names of new packages: spelled everywhere, and refused where they would clash."""

from __future__ import annotations

import importlib.util
import keyword

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from backfleet.errors import UserError
from backfleet.scaffold.package_name import PackageName


@given(st.from_regex(r"[a-z][a-z0-9]{0,8}(-[a-z0-9]{1,8}){0,3}", fullmatch=True))
def test_every_spelling_of_a_name_is_one_that_python_takes(text: str) -> None:
    assume(not keyword.iskeyword(text) and importlib.util.find_spec(text.replace("-", "_")) is None)
    assume(not keyword.iskeyword(text.capitalize()))
    name = PackageName.of(text)
    assert name.module.isidentifier()
    assert name.class_name.isidentifier()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "cannot be the name of a strategy"),
        ("My Factor", "did you mean 'my-factor'"),
        ("MyFactor", "did you mean 'my-factor'"),
        ("my_factor", "did you mean 'my-factor'"),
        ("3-factors", "did you mean 'factors'"),
        ("../evil", "did you mean 'evil'"),
        ("a--b", "did you mean 'a-b'"),
        ("a" * 51, "at most 50 characters"),
        ("naïve", "cannot be the name of a strategy"),
        ("class", "is a keyword of Python"),
        ("none", "is a keyword of Python"),
        ("sma-crossover", r"already exists, in backfleet .*Choose another name"),
        ("json", "module 'json' is already installed"),
        ("numpy", "such as numpy-factor"),
    ],
)
def test_a_bad_name_is_refused(text: str, reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        PackageName.of(text)

"""Files of the cache appear whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from backfleet.cache import write_quietly


def test_an_interrupted_write_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_quietly(tmp_path / "bars", b"half")
    assert list(tmp_path.iterdir()) == []

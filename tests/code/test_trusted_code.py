"""Consent to stored code: the list of a user's wheels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from backfleet.code.trusted_code import check_trust, trust_code, untrusted_code
from backfleet.errors import UntrustedCode, UserError
from backfleet.submission import StoredCode

CODE = StoredCode("acme", "1.2", "0" * 64, "ab" * 32)
OTHER = StoredCode("other", "1", "0" * 64, "cd" * 32)


@pytest.fixture(autouse=True)
def trusted_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The list of this user, which does not exist yet."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "backfleet" / "trusted.txt"


def test_submitted_code_is_trusted_and_listed_once_for_this_user_alone(trusted_file: Path) -> None:
    assert untrusted_code([CODE, OTHER]) == [CODE, OTHER]
    trust_code([CODE])
    trust_code([CODE])
    assert untrusted_code([CODE, OTHER]) == [OTHER]
    assert len(trusted_file.read_text().splitlines()) == 1
    assert not trusted_file.stat().st_mode & 0o077


def test_unknown_code_is_named_with_its_origin() -> None:
    trust_code([CODE])
    with pytest.raises(UntrustedCode) as refusal:
        check_trust("s3://bucket/runs/1", [CODE, OTHER])
    message = str(refusal.value)
    assert message.startswith("s3://bucket/runs/1 keeps code that you have neither submitted")
    assert f"other 1  sha256 {OTHER.sha256}" in message
    assert f"--trust-code {OTHER.sha256}" in message
    assert CODE.sha256 not in message


@pytest.mark.parametrize("accepted", [CODE.sha256, CODE.sha256[:16], CODE.sha256.upper()])
def test_accepted_code_is_trusted_from_then_on(accepted: str) -> None:
    check_trust("runs/1", [CODE], [accepted])
    check_trust("runs/1", [CODE])


@pytest.mark.parametrize("accepted", [CODE.sha256[:15], "", "acme", CODE.sha256 + "0"])
def test_a_short_prefix_accepts_nothing(accepted: str) -> None:
    with pytest.raises(UserError, match="is not the SHA-256 of what a store names"):
        check_trust("runs/1", [CODE], [accepted])


def test_a_name_cannot_add_lines_to_the_list(trusted_file: Path) -> None:
    trust_code([replace(CODE, name=f"x\n{OTHER.sha256} y")])
    assert untrusted_code([CODE, OTHER]) == [OTHER]
    with pytest.raises(UntrustedCode, match=r"'x\\n"):
        check_trust("runs/1", [replace(OTHER, name="x\ny")])


def test_a_list_that_others_can_write_to_does_not_count(trusted_file: Path) -> None:
    trust_code([CODE])
    trusted_file.chmod(0o622)
    assert untrusted_code([CODE]) == [CODE]


def test_a_list_that_cannot_be_written_does_not_stop_a_submission(trusted_file: Path) -> None:
    trusted_file.parent.write_text("a file in the way")
    trust_code([CODE])
    assert untrusted_code([CODE]) == [CODE]

"""Consent to settings of executors that a stored handle holds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from backfleet.consent import ConsentItem, has_consent, record_consent, without_consent
from backfleet.errors import UntrustedSettings
from backfleet.executor import Executor, Handle, Recoverable, executor_errors

__all__ = ["adopt_settings", "check_settings", "trust_settings"]

MAX_SHOWN_CHARS = 500


def adopt_settings(executor: Executor, handle: Handle) -> Mapping[str, Any]:
    """Give an executor the settings of a handle that are not set here, and return them.

    `check_settings` must follow before workers are started. Raises ExecutorError.
    """
    recoverable = Recoverable.of(executor)
    # Settings of this user win over those of the handle, even where they equal a default.
    set_here = executor.settings.model_fields_set
    with executor_errors(executor):
        stored = recoverable.stored_settings(handle)
        adopted = {name: value for name, value in stored.items() if name not in set_here}
        recoverable.adopt_settings(adopted, handle)
    return adopted


def trust_settings(executor: Executor, handle: Handle) -> None:
    """Note that this user has submitted the settings in a handle."""
    stored = Recoverable.of(executor).stored_settings(handle)
    if stored:
        record_consent([_item(executor, stored)])


def check_settings(
    url: str,
    executor: Executor,
    handle: Handle,
    adopted: Mapping[str, Any],
    accepted: Sequence[str] = (),
) -> None:
    """Raise UntrustedSettings if workers would start with settings of a stranger.

    Settings that this user has submitted together may be adopted one by one. What is accepted here
    goes on the list.

    Parameters
    ----------
    url
        Location of the run whose handle this is.
    adopted
        The settings of the handle that the workers would have.
    accepted
        SHA-256 of settings, or prefixes of them.
    """
    item = _item(executor, adopted)
    # Called even if nothing is adopted: it raises for a malformed SHA-256 in `accepted`.
    is_unknown = bool(without_consent([item], accepted))
    submitted = _item(executor, Recoverable.of(executor).stored_settings(handle))
    if not adopted or has_consent(submitted):
        return
    if is_unknown:
        lines = [f"  {_key(name)} = {_literal(value)}" for name, value in sorted(adopted.items())]
        raise UntrustedSettings(
            f"{url} holds settings of the executor {executor.name!r} that you have neither "
            "submitted nor accepted. They decide what the workers run and what they reach:\n"
            + "\n".join([*lines, f"  sha256 {item.sha256}"]),
            [item.sha256],
        )
    record_consent([item])


def _item(executor: Executor, settings: Mapping[str, Any]) -> ConsentItem:
    # Sorted, because the digest must not depend on the order of the settings.
    content = json.dumps(dict(settings), sort_keys=True)
    return ConsentItem.of(
        "settings of", executor.name, content, name=f"settings of {executor.name}"
    )


def _key(name: str) -> str:
    return name if name.isascii() and name.isidentifier() else _literal(name)


def _literal(value: Any) -> str:
    # JSON with escapes: a stranger's text must not steer the terminal.
    text = json.dumps(value)
    if len(text) <= MAX_SHOWN_CHARS:
        return text
    return f"{text[:MAX_SHOWN_CHARS]}... ({len(text):,} characters)"

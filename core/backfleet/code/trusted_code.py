"""Consent to code that a store keeps, or that it names by its path on this machine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from backfleet.code.packages import strategy_packages
from backfleet.consent import ConsentItem, has_consent, record_consent, without_consent
from backfleet.errors import UntrustedCode
from backfleet.strategy_reference import StrategyReference
from backfleet.submission import StoredCode

__all__ = [
    "check_file_trust",
    "check_trust",
    "is_own_file",
    "trust_code",
    "trust_file",
    "untrusted_code",
]


def trust_code(code: Iterable[StoredCode]) -> None:
    """Note that this user has submitted these packages."""
    record_consent(map(_item, code))


def untrusted_code(code: Iterable[StoredCode], accepted: Sequence[str] = ()) -> list[StoredCode]:
    """Return the packages that this user has neither submitted nor accepted.

    `accepted` holds SHA-256 of wheels, or prefixes of them. Raises UserError if one is no hash.
    """
    code = list(code)
    unknown = set(without_consent(map(_item, code), accepted))
    return [package for package in code if _item(package) in unknown]


def check_trust(url: str, code: Iterable[StoredCode], accepted: Sequence[str] = ()) -> None:
    """Raise UntrustedCode if this user has neither submitted nor accepted code of the run at `url`.

    What is accepted here goes on the list.
    """
    code = list(code)
    unknown = untrusted_code(code, accepted)
    if unknown:
        lines = [
            f"  {_printable(package.name)} {_printable(package.version)}  sha256 {package.sha256}"
            for package in unknown
        ]
        raise UntrustedCode(
            f"{url} keeps code that you have neither submitted nor accepted, and that would run "
            "with your rights:\n" + "\n".join(lines),
            [package.sha256 for package in unknown],
        )
    # All of it, so that the user is asked once for each package.
    trust_code(code)


def trust_file(strategy: StrategyReference) -> None:
    """Note that this user has submitted the file of a `file.py:Class` strategy."""
    if strategy.folder is not None:
        record_consent([_path_item(strategy)])


def is_own_file(strategy: StrategyReference) -> bool:
    """Whether this user has submitted the file of a strategy, or it is no `file.py:Class`.

    Its content may have changed since: it is where this user keeps a strategy.
    """
    return strategy.folder is None or has_consent(_path_item(strategy))


def check_file_trust(url: str, strategy: StrategyReference, accepted: Sequence[str] = ()) -> None:
    """Raise UntrustedCode if the run at `url` names a strategy's file that is not this user's.

    What is accepted here goes on the list, for this path and this content. Raises PluginError if
    the file cannot be read.
    """
    # The path decides: a user who edits a strategy of his own is not asked about it.
    if is_own_file(strategy):
        return
    (package,) = (package for package in strategy_packages(strategy) if package.folder is not None)
    path = strategy.reference
    item = ConsentItem.of("code at", package.content, path, name=path)
    if without_consent([item], accepted):
        files = "file" if len(package.files) == 1 else "files"
        raise UntrustedCode(
            f"{url} names code on this machine that you have neither submitted nor accepted. It "
            "would run with your rights, and can import everything in its folder:\n"
            f"  {_printable(path)}, {len(package.files):,} {files}  sha256 {item.sha256}",
            [item.sha256],
        )
    record_consent([item])


def _item(package: StoredCode) -> ConsentItem:
    return ConsentItem(package.sha256, f"{package.name} {package.version}")


def _path_item(strategy: StrategyReference) -> ConsentItem:
    # Its hash is over the path, unlike that of an accepted file, which is over the content, too.
    return ConsentItem.of("submitted", strategy.reference, name=strategy.reference)


def _printable(text: str) -> str:
    # A stranger's name could hold control codes for the terminal.
    return text if text.isprintable() else ascii(text)

"""The source of two runs' strategies beside each other, from the code in their stores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from backfleet.code.kept_code import KeptCode, read_kept_code
from backfleet.code.source_diff import diff_sources, kept_sources
from backfleet.errors import CorruptObject, PluginError
from backfleet.results.match import RunRows

__all__ = ["SourceComparison", "compare_sources"]


@dataclass(frozen=True)
class SourceComparison:
    """The difference of two runs' code.

    Attributes
    ----------
    diff
        Lines of a unified diff from the first to the second run; empty if the code is the same.
    not_kept
        Code that cannot be compared, with the reason.
    """

    diff: Sequence[str]
    not_kept: Sequence[str]


def compare_sources(first: RunRows, second: RunRows) -> SourceComparison:
    """Compare the code of two runs. No code is run. Raises StoreError."""
    # Equal hashes mean equal code; nothing is read from the stores.
    if _codes(first) == _codes(second):
        return SourceComparison((), ())
    problems: list[str] = []
    left, right = _read(first, problems), _read(second, problems)
    if left is None or right is None:
        return SourceComparison((), problems)
    # Packages that both runs have are equal, so only the others are unpacked.
    same = {p.sha256 for p in left.packages} & {p.sha256 for p in right.packages}
    try:
        before = kept_sources(first.store, left, same)
        after = kept_sources(second.store, right, same)
    except PluginError as error:
        return SourceComparison((), [*problems, str(error)])
    diff = diff_sources(before, after, (first.manifest.run_id, second.manifest.run_id))
    # The hashes differ, so there must be a difference.
    if not diff and not problems:
        problems.append(_unexplained(first, second))
    return SourceComparison(diff, problems)


def _codes(run: RunRows) -> Sequence[str]:
    """Return the hashes of the strategy and of the plugins, without backfleet's own."""
    identity = run.manifest.identity
    components = (component for _, component in identity.components())
    # A set: one package can provide several components.
    plugins = {p.code for p in components if not p.target.startswith("backfleet.")}
    return [identity.strategy.code, *sorted(plugins)]


def _read(run: RunRows, problems: list[str]) -> KeptCode | None:
    """Return the record of a run's code, and note what it does not hold."""
    try:
        kept = read_kept_code(run.store)
    except CorruptObject as error:
        problems.append(str(error))
        return None
    problems += _missing(run.manifest.run_id, kept)
    return kept


def _missing(run_id: str, kept: KeptCode | None) -> Iterator[str]:
    if kept is None:
        yield f"the code of run {run_id} is not kept"
        return
    for package in kept.not_kept:
        yield f"{package.name} {package.version} of run {run_id} is not kept: {package.reason}"


def _unexplained(first: RunRows, second: RunRows) -> str:
    """Explain why there is no diff of code that differs."""
    targets = {run.manifest.identity.strategy.target for run in (first, second)}
    return (
        f"the code of {' and '.join(sorted(targets))} differs, but the stores do not keep the "
        "difference: what comes with backfleet is not kept"
    )

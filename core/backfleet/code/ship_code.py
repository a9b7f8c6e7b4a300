"""The code that is shipped to workers that run elsewhere: whatever they lack of the run's code."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from backfleet.code.declared_files import add_declared_files
from backfleet.code.distributions import InstalledDistribution, canonical_name
from backfleet.code.hashes import distribution_hashes
from backfleet.code.packages import OWN, CodePackage, strategy_packages
from backfleet.code.stored_code import MAX_CODE_BYTES, MAX_CODE_FILES
from backfleet.errors import PluginError
from backfleet.strategy_reference import StrategyReference

__all__ = ["check_backfleet_code", "packages_to_ship", "required_names"]

IMAGE = "backfleet image build"


def packages_to_ship(
    strategy: StrategyReference,
    targets: Iterable[str],
    installed: Mapping[str, str],
    files: Iterable[str] = (),
) -> list[CodePackage]:
    """The packages that a run needs and that its workers lack, or have otherwise.

    Parameters
    ----------
    targets
        `module:attribute` of the run's source, engines and plugins.
    installed
        Content hashes of what the workers find installed, by distribution.
    files
        Names of the declared files.

    Raises
    ------
    PluginError
        If one cannot be shipped: it is in part compiled, too large, or requires a distribution that
        the workers lack and that is not shipped either.
    """
    packages = add_declared_files(strategy_packages(strategy, targets), strategy, files)
    # Compared by content and not by version: a checkout changes without a new version.
    shipped = [package for package in packages if installed.get(package.name) != package.content]
    available = {*map(canonical_name, installed), *(package.name for package in shipped)}
    problems = [problem for package in shipped for problem in _problems(package, available)]
    if problems:
        raise PluginError("\n".join(problems))
    return shipped


def check_backfleet_code(installed: Mapping[str, str]) -> None:
    """Refuse workers whose backfleet is another one. Raises PluginError."""
    if installed.get(OWN) != distribution_hashes([OWN]).get(OWN):
        has = "differs from the local version" if OWN in installed else "is not installed"
        raise PluginError(f"backfleet {has} where the workers run; rebuild their image: {IMAGE}")


def _problems(package: CodePackage, available: Collection[str]) -> Iterator[str]:
    """Yield the reasons why a package cannot be shipped, in sentences."""
    named = f"{package.name} {package.version}"
    advice = f"build an image that holds it: {IMAGE} --with {package.folder or package.name}"
    compiled = package.compiled()
    if compiled is not None:
        # Workers may have another processor or version of Python.
        yield f"{named} cannot be shipped to the workers: {compiled} is machine code; {advice}"
    elif len(package.files) > MAX_CODE_FILES or package.size > MAX_CODE_BYTES:
        yield (
            f"{named} cannot be shipped to the workers: {len(package.files):,} files of "
            f"{package.size / 2**20:.0f} MiB are too large; {advice}"
        )
    else:
        lacking = sorted(set(required_names(package)) - set(available))
        if lacking:
            options = " ".join(f"--with {name}" for name in lacking)
            yield (
                f"{named} cannot be shipped to the workers: it requires {', '.join(lacking)}, "
                f"which they lack; build an image: {IMAGE} {options}"
            )


def required_names(package: CodePackage | InstalledDistribution) -> Iterator[str]:
    """Return canonical names of the distributions that a package requires here, without its extras.

    Raises PluginError.
    """
    # Imported here, because most submissions ship nothing.
    from packaging.requirements import InvalidRequirement, Requirement

    for text in package.requires:
        try:
            requirement = Requirement(text)
        except InvalidRequirement as error:
            raise PluginError(
                f"{package.name} {package.version} requires {text!r}: {error}"
            ) from error
        # Evaluated for this machine; with an empty extra, requirements of extras do not count.
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield canonical_name(requirement.name)

"""Are the parameters such that a job can set them?"""

from __future__ import annotations

from collections.abc import Iterator

from backfleet.check.check_case import CheckCase
from backfleet.check.result import CheckResult, Status
from backfleet.errors import JobError
from backfleet.job.parameter import Parameter
from backfleet.strategy import description_of

__all__ = ["check_parameters"]

CHECK = "parameters"


def check_parameters(subject: CheckCase) -> CheckResult:
    """Check that every parameter has a default of a plain type, so that a job can set it."""
    parameters = description_of(subject.strategy).parameters
    problems = [problem for parameter in parameters for problem in _problems(parameter)]
    if problems:
        return CheckResult(CHECK, Status.FAILED, "; ".join(problems))
    words = [
        f"{parameter.name} ({parameter.kind}, {parameter.default})" for parameter in parameters
    ]
    return CheckResult(CHECK, Status.PASSED, ", ".join(words) or "there are none")


def _problems(parameter: Parameter) -> Iterator[str]:
    # Further problems would only follow from this one.
    if not parameter.describable:
        yield (
            f"the default of {parameter.name} is not a number, text, true, false or a list "
            "of these, so that no job can set or sweep it"
        )
        return
    if not parameter.name.isidentifier() or parameter.name.startswith("_"):
        yield f"{parameter.name}: no job can set a parameter of this name"
    try:
        # A job that sets the default explicitly must be valid, too.
        parameter.coerce(parameter.default)
    except JobError as error:
        yield str(error)

"""Whether a process loaded modules that are not part of the run's code."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Collection, Iterator

from backfleet.chunks.task_result import TaskResult, TaskStatus
from backfleet.code.imports import LIBRARIES
from backfleet.code.own_code import OWN
from backfleet.code.run_code import RunCode
from backfleet.errors import UndeclaredModule
from backfleet.no_bytecode import INSTALLED
from backfleet.summary import TaskReturns
from backfleet.worker.importer_log import ImporterLog
from backfleet.worker.messages import Runner

__all__ = ["GuardedRunner", "ModuleGuard"]

# The separator keeps a sibling such as `lib/python3.12-extra` from matching by its prefix.
STANDARD = tuple({sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib")})
MAX_NAMED_MODULES = 10


class GuardedRunner:
    """Runs tasks, and makes errors of those that load other code than the run's."""

    def __init__(self, runner: Runner, guard: ModuleGuard) -> None:
        self._runner = runner
        self._guard = guard

    def result(self, index: int) -> TaskResult:
        """Run a task."""
        result = self._runner.result(index)
        error = self._guard.check()
        # The task's own error says more: often it is what the undeclared module raised.
        if error is None or result.status is TaskStatus.ERROR:
            return result
        return TaskResult.child_died(index, error, result.seconds, result.log)

    @property
    def returns(self) -> TaskReturns | None:
        """The returns of the last task, if it ended without error."""
        return self._runner.returns


class ModuleGuard:
    """Compares the modules that this process has loaded with the run's code.

    Parameters
    ----------
    record
        Begun before the run's code was loaded.
    """

    def __init__(self, code: RunCode, record: ImporterLog) -> None:
        self._code = code
        self._files = set(code.files.values())
        self._seen = set(record.loaded)
        self._record = record
        # Top-level names whose imports the search for the run's code does not follow.
        self._trusted = {OWN, *LIBRARIES, *code.large}
        self._count = 0
        self._error: UndeclaredModule | None = None

    def check(self) -> UndeclaredModule | None:
        """The error of all tasks from the one on that loaded such a module; None before it."""
        # This runs after every task, so the usual case is one comparison. The error stays: the
        # module is loaded for all later tasks of this process, too.
        if len(sys.modules) != self._count and self._error is None:
            self._count = len(sys.modules)
            outside = list(self._outside())
            if outside:
                self._error = UndeclaredModule(self._message(outside))
        return self._error

    def _outside(self) -> Iterator[str]:
        # A copy, because a thread of a strategy may import meanwhile.
        fresh = [name for name in list(sys.modules) if name not in self._seen]
        self._seen.update(fresh)
        for name in fresh:
            file = _file_of(name)
            if file is None or file in self._files or self._is_of_library(name, file):
                continue
            # Last, because it asks the file system: the module may have been found through a
            # symbolic link.
            if os.path.realpath(file) not in self._files:
                yield name

    def _is_of_library(self, name: str, file: str) -> bool:
        """Whether a module is one of a library, or is installed and was imported for one."""
        top = name.partition(".")[0]
        # The folder of installed packages usually lies within that of the standard library.
        if file.startswith(STANDARD) and not _is_installed(file):
            return True
        # A module from elsewhere with a standard name: an installed replacement is trusted, a file
        # of the user that shadows it is not.
        if top in sys.stdlib_module_names:
            return _is_installed(file)
        if top in self._trusted:
            return True
        return _is_installed(file) and self._is_for_library(_import_name(name))

    def _is_for_library(self, name: str) -> bool:
        """Whether the imports that led to an installed module began in a library."""
        # Imports may form a cycle.
        passed = {name}
        while (importer := self._importer_of(name)) not in passed:
            if importer in self._record.loaded or importer.partition(".")[0] in self._trusted:
                return True
            file = _file_of(importer)
            if file is None or file in self._files or not _is_installed(file):
                return False
            passed.add(importer)
            name = importer
        return False

    def _importer_of(self, name: str) -> str:
        """The importer of a module; compiled modules make submodules that nobody imports."""
        return self._record.importers.get(name) or name.rpartition(".")[0]

    def _message(self, outside: list[str]) -> str:
        # The name belongs to the run's code but the file does not: declaring the module would not
        # help.
        hidden = [name for name in outside if self._code.has_module(name)]
        if hidden:
            return (
                f"module {hidden[0]!r} was loaded from another file than the one that the run was "
                "planned with; remove one of the two from sys.path (PYTHONPATH)"
            )
        first = [name for name in outside if self._is_first(name, outside)] or outside
        named = ", ".join(map(repr, first[:MAX_NAMED_MODULES]))
        listed = ", ".join(f'"{name}"' for name in first[:MAX_NAMED_MODULES])
        return (
            f"the task loaded {named}, which no import in the source of the run's code shows, so "
            f"an edit would go unnoticed; declare it in the job: modules = [{listed}]"
        )

    def _is_first(self, name: str, outside: Collection[str]) -> bool:
        """Whether a module must be declared: those that it imports follow from it."""
        is_package_of_another = any(other.startswith(f"{name}.") for other in outside)
        return self._importer_of(name) not in outside and not is_package_of_another


def _file_of(module: str) -> str | None:
    """The file of a loaded module; some libraries put other objects than modules there."""
    file = getattr(sys.modules.get(module), "__dict__", {}).get("__file__")
    return file if isinstance(file, str) else None


def _import_name(module: str) -> str:
    """The name that a loaded module was imported by; Cython's modules take a second one."""
    spec = getattr(sys.modules.get(module), "__dict__", {}).get("__spec__")
    return getattr(spec, "name", module)


def _is_installed(file: str) -> bool:
    return bool(INSTALLED & set(file.split(os.sep)))

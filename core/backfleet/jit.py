"""Compiled functions: the only place that imports numba, and only when there is enough to compute.

A process that runs one small task interprets them instead, and has finished before numba would be
imported.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import math
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar, cast

import numpy as np

from backfleet.jit_cache import (
    digest_of,
    machine_code_folder,
    note_interpreted,
    read_interpreted,
    sole_compiler,
)
from backfleet.processor import baseline

__all__ = [
    "Compiled",
    "c_pow",
    "compiled",
    "inlined",
    "plan_tasks",
    "plan_work",
    "watch_compiling",
]

P = ParamSpec("P")
R = TypeVar("R")

OPTIONS = {"fastmath": False, "error_model": "numpy", "nogil": True, "boundscheck": False}
"""No fastmath: the order of evaluation is part of the results. Division by 0 is as in numpy."""

LOAD_SECONDS = 0.4
"""CPU time to import numba and to load machine code from the cache."""
COMPILE_SECONDS = 1.0
"""CPU time that compiling a function is worth. Later processes load it from the cache."""
ENGINE_SECONDS = 12.0
"""CPU time, over all workers, that compiling an engine is worth: about what compiling it takes."""
SECONDS_PER_ELEMENT = 5e-6
"""CPU time to interpret a loop over an array, per element."""


class _InterpretBudget:
    """CPU seconds that this process spends on interpreting, those that are planned included.

    A function is interpreted unless that costs as much as its machine code is worth. So a small
    task finishes before numba is imported, and a sweep is compiled from its first task on. The
    numbers are the same: compiled code keeps Python's order of evaluation.

    Attributes
    ----------
    planned
        Time that interpreting all work of this process would take, as far as it is known.
    spent
        Time spent until now. It is CPU time, which does not depend on the load of the machine.
    compile_seconds
        Time from which on compiling is worth it.
    """

    def __init__(self) -> None:
        self.planned = self.spent = 0.0
        self.compile_seconds = COMPILE_SECONDS
        self.is_interpreting = False

    def allows(self, args: Iterable[object], price: float) -> bool:
        """Return whether interpreting costs less than `price` seconds, with this call."""
        # The longest array stands for the number of iterations, because the functions loop over
        # their bars.
        sizes = [arg.size for arg in args if isinstance(arg, np.ndarray)]
        with_call = self.spent + SECONDS_PER_ELEMENT * max(sizes, default=0)
        return max(self.planned, with_call) < price

    @contextlib.contextmanager
    def interpreting(self) -> Iterator[None]:
        """Count the time of a call that other compiled functions do not make."""
        self.is_interpreting = True
        # Of this thread only, since others may compute at the same time.
        began = time.thread_time()
        try:
            # Machine code divides by zero without a warning, and the two ways must not differ.
            with np.errstate(all="ignore"):
                yield
        finally:
            self.spent += time.thread_time() - began
            self.is_interpreting = False


_BUDGET = _InterpretBudget()


class Compiled(Generic[P, R]):
    """A function that numba compiles when that is worth it; see `compiled`.

    Attributes
    ----------
    function
        The Python function. Compiled code calls its machine code.
    is_compiled
        Whether calls run machine code.
    """

    def __init__(self, function: Callable[P, R], inlined: bool = False) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        # Reference counting takes longer than the rest of a small function.
        self.options = OPTIONS | ({"forceinline": True, "_nrt": False} if inlined else {})
        self.signature = inspect.signature(function)
        self.arity = len(self.signature.parameters)
        self.is_compiled = False
        self._python: Callable[P, R] | None = None

    def from_python(self, function: Callable[P, R]) -> Callable[P, R]:
        """Decorate the function that Python code calls instead. It returns the same bits, and may
        call `run`."""
        self._python = function
        return function

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        # Set for functions that Python code computes in another way, such as with numpy.
        if self._python is not None:
            return self._python(*args, **kwargs)
        if self.is_compiled and len(args) == self.arity:
            # Only tasks of some microseconds notice that this saves a call.
            return self.dispatcher(*args, **kwargs)
        # Called by an interpreted function, whose time already covers this call.
        if _BUDGET.is_interpreting and not self.is_compiled:
            return self.function(*args, **kwargs)
        return self.run(*args, **kwargs)

    def run(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function itself, interpreted or compiled."""
        if self.is_compiled:
            return self._run_compiled(*args, **kwargs)
        if _BUDGET.is_interpreting:
            return self.function(*args, **kwargs)
        # Naming the cache takes milliseconds, which a small task does not need to spend.
        if _BUDGET.allows(args, LOAD_SECONDS) or (
            not self._is_cached and _BUDGET.allows(args, _BUDGET.compile_seconds)
        ):
            with _BUDGET.interpreting():
                return self.function(*args, **kwargs)
        # Without a cache there is nothing to wait for, and with a filled one loading needs no lock.
        if self._folder is None or self._is_cached:
            return self._run_compiled(*args, **kwargs)
        _numba()
        # A process that has waited here finds the cache filled by the first one, and numba loads
        # from it. numba is imported before, so that nobody waits for that.
        with sole_compiler(self._folder):
            return self._run_compiled(*args, **kwargs)

    def compile_if_worth(self, saved: float) -> bool:
        """Return whether machine code saves more CPU time than it takes to load or compile it. If
        it does, calls run it from now on; `saved` is in seconds.

        For a function that is never interpreted, because there is another way.
        """
        if os.environ.get("NUMBA_DISABLE_JIT", "0") != "0":
            return False
        if self.is_compiled:
            return True
        if saved < LOAD_SECONDS or (saved < COMPILE_SECONDS and not self._is_cached):
            return False
        # Asking for the dispatcher compiles nothing yet, but lets calls run machine code from now
        # on.
        return self.dispatcher is not None

    def _run_compiled(self, *args: P.args, **kwargs: P.kwargs) -> R:
        if kwargs or len(args) != self.arity:
            # numba takes 20 µs for an argument that is left out, and compiles once more for it.
            bound = self.signature.bind(*args, **kwargs)
            bound.apply_defaults()
            return self.dispatcher(*bound.args, **bound.kwargs)
        return self.dispatcher(*args, **kwargs)

    @property
    def _is_cached(self) -> bool:
        # numba writes the machine code after the index that names it.
        return self._folder is not None and any(self._folder.glob("*/*.nbc"))

    @functools.cached_property
    def _folder(self) -> Path | None:
        """Folder of the machine code; None if there is no place for it, or for code in no file,
        which numba cannot cache."""
        code: Any = getattr(self.function, "__code__", None)
        if code is None or not Path(code.co_filename).is_file():
            return None
        # Without a place for it, machine code is compiled all the same, in every process.
        with contextlib.suppress(OSError):
            return machine_code_folder(digest_of(self))
        return None

    def __repr__(self) -> str:
        return f"<compiled {self.function.__module__}.{self.function.__qualname__}>"

    @functools.cached_property
    def dispatcher(self) -> Callable[P, R]:
        """numba's own object; with `NUMBA_DISABLE_JIT=1` the plain function."""
        self.is_compiled = True
        numba = _numba()
        if self._folder is None:
            return cast(Callable[P, R], numba.njit(self.function, **self.options))
        before = numba.config.CACHE_DIR
        # numba reads this when it decorates; functions of others keep the cache that they chose.
        numba.config.CACHE_DIR = str(self._folder)
        try:
            dispatcher = numba.njit(self.function, cache=True, **self.options)
        finally:
            numba.config.CACHE_DIR = before
        _tolerate_full_disk(dispatcher)
        return cast(Callable[P, R], dispatcher)


def compiled(function: Callable[P, R]) -> Compiled[P, R]:
    """Compile a function with numba if this process has enough work for it; see `plan_work`.

    Compiled functions can call each other, from any package, but not themselves: numba loads such
    code from its cache in a form that crashes. The machine code is cached in `$NUMBA_CACHE_DIR`,
    by default in backfleet's cache folder, under a hash of the functions and constants that the
    function reaches, whatever file or package they are in. Other code can change without effect.
    If the folder cannot be written to, a folder for temporary files is used instead, which starts
    as its copy.

    The options are those that give the same bits everywhere: no fastmath, division by zero as in
    numpy, and, unless the environment says otherwise, code for the architecture's `Baseline`
    whatever the processor.
    """
    return Compiled(function)


def inlined(function: Callable[P, R]) -> Compiled[P, R]:
    """`compiled`, and inlined into every function that calls it: for small functions in hot loops,
    where a call with a dozen numbers costs more than its result. It must not create arrays."""
    return Compiled(function, inlined=True)


def plan_work(seconds: float) -> None:
    """Set the CPU time that the work of this process would take if all of it was interpreted.

    Functions are compiled at their first call if that is worth it for so much work. `math.inf`
    compiles every function, to fill a cache. Without a plan, a process compiles when it has spent
    enough time on interpreting.
    """
    _BUDGET.planned = seconds


def plan_tasks(seconds: float) -> None:
    """Set the CPU time that the tasks of a worker would take if their engine was interpreted.

    An engine takes much longer to compile than a function, so that the first sweeps on a machine
    are interpreted if they are small. What they spend on that counts: once it is as much as the
    machine code is worth, the next sweep is compiled.
    """
    left = ENGINE_SECONDS - read_interpreted()
    if seconds < left:
        # Noted before it is spent: the other workers of this sweep decide now, too.
        note_interpreted(seconds)
    _BUDGET.planned, _BUDGET.compile_seconds = seconds, max(COMPILE_SECONDS, left)


def watch_compiling(notify: Callable[[bool], None]) -> None:
    """Call a function with True when numba begins to compile, or to load machine code, and
    with False when it has ended.

    LLVM ends the process if it fails, so whoever watches the process has to know.
    """
    _WATCHERS.append(notify)
    if "numba" in sys.modules:
        _numba()


_WATCHERS: list[Callable[[bool], None]] = []


def c_pow(base: float, exponent: float) -> float:
    """`base ** exponent` by the C library, which Python calls for it, also in compiled code.

    Its last bit is not always that of the nearest float: 1 of 1,000 squares differs from the
    product.
    """
    return math.pow(base, exponent)


@functools.cache
def _numba() -> Any:
    """numba, with the environment it reads at its import, and taught to call `Compiled`."""
    if "numba" not in sys.modules:
        # One processor for all, so that the cache serves other machines too; workers set the same.
        here = baseline()
        for name, value in here.numba.items() if here is not None else ():
            # A value that the user or the worker has set takes precedence.
            os.environ.setdefault(name, value)
    import numba
    from numba.core import types
    from numba.extending import typeof_impl

    def type_of(value: Compiled[Any, Any], context: object) -> Any:
        return types.Dispatcher(value.dispatcher)

    # numba asks for the type of each global of a function. With this answer it treats a `Compiled`
    # as the function of its own that is in it.
    typeof_impl.register(Compiled)(type_of)
    _teach_pow()
    _notify_watchers()
    return numba


def _notify_watchers() -> None:
    """Tell those who watch when numba's lock for compiling is taken and released; it is held for
    loading from the cache, too."""
    from numba.core import event

    events: Any = event

    class Notify(event.Listener):
        def on_start(self, event: object) -> None:
            for notify in _WATCHERS:
                notify(True)

        def on_end(self, event: object) -> None:
            for notify in _WATCHERS:
                notify(False)

    events.register("numba:compiler_lock", Notify())


def _tolerate_full_disk(dispatcher: Any) -> None:
    """Let a function run even if its machine code cannot be saved."""
    # Private to numba; it has no public way to go on without saving.
    cache = getattr(dispatcher, "_cache", None)
    if cache is None:  # NUMBA_DISABLE_JIT
        return
    save = cache.save_overload

    def save_if_possible(*args: object) -> None:
        with contextlib.suppress(OSError):
            save(*args)

    cache.save_overload = save_if_possible


def _teach_pow() -> None:
    """Make compiled code call the C library for `c_pow`."""
    from llvmlite import ir
    from numba.core import types
    from numba.extending import intrinsic, overload

    @intrinsic
    def call_pow(_typing: object, _base: object, _exponent: object) -> Any:
        def generate(_context: object, builder: Any, _signature: object, args: Any) -> Any:
            kind = ir.FunctionType(ir.DoubleType(), [ir.DoubleType(), ir.DoubleType()])
            # A module can declare a function once only.
            known = builder.module.globals
            function = known.get("pow") or ir.Function(builder.module, kind, "pow")
            # LLVM would turn pow(x, 2) into a multiplication.
            function.attributes.add("nobuiltin")
            return builder.call(function, args)

        return types.float64(types.float64, types.float64), generate

    call: Any = call_pow

    def by_the_c_library(base: float, exponent: float) -> Any:
        return call(base, exponent)

    @overload(c_pow)
    def choose(base: float, exponent: float) -> Any:
        return by_the_c_library


# Machine code that calls c_pow depends on how it is compiled.
c_pow.compiled_by = _teach_pow  # type: ignore[attr-defined]

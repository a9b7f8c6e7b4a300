"""Compiled functions: the one place that imports numba, and only when there is enough to compute.

A process that runs one small task interprets them instead: that is over before numba is imported.

numba caches machine code by the file that a function is in, and so serves stale numbers when a
function that it calls in *another* file has changed. Here the cache's folder is named by the
content of all code that may be called: backfleet's, and that of the package around the function.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import inspect
import math
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Generic, ParamSpec, TypeVar, cast

import numpy as np

from backfleet.cache import cache_folder, scratch_folder

__all__ = ["Compiled", "c_pow", "compiled", "inlined", "interpret_nothing"]

P = ParamSpec("P")
R = TypeVar("R")

BASELINE = {"NUMBA_CPU_NAME": "x86-64-v3", "NUMBA_CPU_FEATURES": ""}
"""One processor for all, so that the cache serves other machines too; workers set the same."""

OWN = Path(__file__).parent
OPTIONS = {"fastmath": False, "error_model": "numpy", "nogil": True, "boundscheck": False}
"""No fastmath: the order of evaluation is part of the results. Division by 0 is as in numpy."""


class _Patience:
    """Whether a process interprets a function still, rather than have it compiled.

    It does as long as interpreting has cost less than compiling would, so that a small task is done
    before numba is even imported, and a large one waits at most twice as long as it must. The
    numbers are the same: compiled code keeps Python's order of evaluation.

    Parameters
    ----------
    seconds
        What there is to spend on interpreting.
    largest
        Elements of an array that a call may loop over, each counted by its `Compiled.weight`; more
        would overspend at once.
    """

    spent: ClassVar[float] = 0.0
    is_interpreting: ClassVar[bool] = False

    def __init__(self, seconds: float, largest: int) -> None:
        self._seconds = seconds
        self._largest = largest

    def bears(self, args: Iterable[object], weight: float) -> bool:
        """Whether a call with these arguments is worth interpreting."""
        return _Patience.spent < self._seconds and self.can_loop(args, weight)

    def can_loop(self, args: Iterable[object], weight: float) -> bool:
        """Whether these arguments are small enough for Python's loops."""
        arrays = [arg for arg in args if isinstance(arg, np.ndarray)]
        return all(array.size * weight <= self._largest for array in arrays)


class _Turn:
    """Whose turn it is to compile into a cache: a lock on a file, which ends with its process."""

    def __init__(self) -> None:
        self._lock: int | None = None

    def take(self, folder: Path) -> bool:
        """Whether it is this process's turn, until `end`."""
        if self._lock is not None:
            return True
        lock = os.open(folder / "compiling", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            return False
        self._lock = lock
        return True

    def end(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


_TURN = _Turn()


@contextmanager
def _interpreting() -> Iterator[None]:
    """Count the time of the outermost call."""
    if _Patience.is_interpreting:
        yield
        return
    _Patience.is_interpreting = True
    began = time.perf_counter()
    try:
        with np.errstate(all="ignore"):
            yield
    finally:
        _Patience.spent += time.perf_counter() - began
        _Patience.is_interpreting = False


IMPORTED = _Patience(0.0, 0)
"""numba is there, and so is the machine code."""

CACHED = _Patience(0.3, 5_000)
"""The machine code is there, and numba takes so long to import."""

UNCOMPILED = _Patience(2.0, 50_000)
"""The engine takes some 8 s to compile, once for all processes."""


class Compiled(Generic[P, R]):
    """A function that numba compiles when that is worth it; see `compiled`.

    Attributes
    ----------
    weight
        What an element of its arrays costs where it is interpreted, as a fraction of some 40 µs:
        less than 1 for a function that goes through large arrays once.
    is_compiled
        Whether calls run machine code by now.
    """

    weight = 1.0

    def __init__(self, function: Callable[P, R], inlined: bool = False) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        # Without counting references, which takes longer than small functions take for all else.
        self.options = OPTIONS | ({"forceinline": True, "_nrt": False} if inlined else {})
        self.signature = inspect.signature(function)
        self.arity = len(self.signature.parameters)
        self.is_compiled = False
        self._shortcut: Callable[P, R | None] | None = None

    def shortcut(self, function: Callable[P, R | None]) -> Callable[P, R | None]:
        """Decorate a Python function that gives the same sooner, or None; only calls from Python
        that would run machine code try it."""
        self._shortcut = function
        return function

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        if self.is_compiled:
            if self._shortcut is not None:
                found = self._shortcut(*args, **kwargs)
                if found is not None:
                    return found
            if kwargs or len(args) != self.arity:
                return self._run_bound(*args, **kwargs)
            return self.dispatcher(*args, **kwargs)
        if self._is_to_be_interpreted(args):
            with _interpreting():
                return self.function(*args, **kwargs)
        try:
            return self._run_bound(*args, **kwargs)
        finally:
            _TURN.end()

    @property
    def direct(self) -> Callable[P, R]:
        """For a hot loop that leaves out no argument: this function, without what a call looks at
        first where it runs machine code already."""
        return self.dispatcher if self.is_compiled else self

    def _run_bound(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run machine code with all arguments in their places: numba takes 20 µs for what is left
        out, and compiles the function anew for it."""
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return self.dispatcher(*bound.args, **bound.kwargs)

    def _is_to_be_interpreted(self, args: Iterable[object]) -> bool:
        if _Patience.is_interpreting:
            return True
        folder = _folder_of(Path(self.function.__code__.co_filename))
        if folder is not None and self._is_cached(folder):
            return (IMPORTED if "numba" in sys.modules else CACHED).bears(args, self.weight)
        if UNCOMPILED.bears(args, self.weight):
            return True
        if folder is None or not UNCOMPILED.can_loop(args, self.weight):
            return False
        # One process compiles for all that share the cache; the others go on meanwhile.
        return not _TURN.take(folder)

    def _is_cached(self, folder: Path) -> bool:
        code = self.function.__code__
        stem = Path(code.co_filename).stem
        name = f"{stem}.{self.function.__qualname__}-{code.co_firstlineno}.py*.nbi"
        return any(folder.glob(f"*/{name}"))

    def __repr__(self) -> str:
        return f"<compiled {self.function.__module__}.{self.function.__qualname__}>"

    @functools.cached_property
    def dispatcher(self) -> Callable[P, R]:
        """numba's own object; with `NUMBA_DISABLE_JIT=1` the plain function."""
        self.is_compiled = True
        numba = _numba()
        folder = _folder_of(Path(self.function.__code__.co_filename))
        if folder is None:
            return cast(Callable[P, R], numba.njit(self.function, **self.options))
        before = numba.config.CACHE_DIR
        # numba reads this when it decorates; functions of others keep the cache that they chose.
        numba.config.CACHE_DIR = str(folder)
        try:
            return cast(Callable[P, R], numba.njit(self.function, cache=True, **self.options))
        finally:
            numba.config.CACHE_DIR = before


def compiled(function: Callable[P, R]) -> Compiled[P, R]:
    """Compile a function with numba, once a process has interpreted such functions for a while.

    Compiled functions may call each other, from any package, but not themselves: numba loads such
    code from its cache in a form that crashes. The machine code is cached in
    `$NUMBA_CACHE_DIR` or else in backfleet's cache folder, under a hash of the code of backfleet
    and of the package around the function (all modules beside it, where it is in none); where that
    folder cannot be written to, in a folder for temporary files, which begins as its copy. What a
    function calls in further packages must not change while the hashed code stays as it is.

    The options are those that give the same bits everywhere: no fastmath, division by zero as in
    numpy, and, unless the environment says otherwise, code for x86-64-v3 whatever the processor.
    """
    return Compiled(function)


def inlined(function: Callable[P, R]) -> Compiled[P, R]:
    """`compiled`, and made part of every function that calls it: for small ones in hot loops, where
    a call with a dozen numbers costs more than what it computes. It must not make arrays."""
    return Compiled(function, inlined=True)


def interpret_nothing() -> None:
    """Compile all that this process calls from now on, however small: to fill a cache."""
    _Patience.spent = math.inf


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
        for name, value in BASELINE.items():
            os.environ.setdefault(name, value)
    import numba
    from numba.core import types
    from numba.extending import typeof_impl

    def type_of(value: Compiled[Any, Any], context: object) -> Any:
        return types.Dispatcher(value.dispatcher)

    typeof_impl.register(Compiled)(type_of)
    _teach_pow()
    return numba


def _teach_pow() -> None:
    """Have compiled code call the C library for `c_pow`."""
    from llvmlite import ir
    from numba.core import types
    from numba.extending import intrinsic, overload

    @intrinsic
    def call_pow(_typing: object, _base: object, _exponent: object) -> Any:
        def generate(_context: object, builder: Any, _signature: object, args: Any) -> Any:
            kind = ir.FunctionType(ir.DoubleType(), [ir.DoubleType(), ir.DoubleType()])
            known = builder.module.globals
            function = known.get("pow") or ir.Function(builder.module, kind, "pow")
            # LLVM would make pow(x, 2) a multiplication.
            function.attributes.add("nobuiltin")
            return builder.call(function, args)

        return types.float64(types.float64, types.float64), generate

    call: Any = call_pow

    def by_the_c_library(base: float, exponent: float) -> Any:
        return call(base, exponent)

    @overload(c_pow)
    def choose(base: float, exponent: float) -> Any:
        return by_the_c_library


def _folder_of(file: Path) -> Path | None:
    """Where the machine code of a file's functions is cached; None for code that is in no file."""
    if not file.is_file():
        return None
    return _cache_of(_unit_of(file))


@functools.cache
def _unit_of(file: Path) -> Path:
    """The outermost package around a file; its folder where it is in none."""
    folder = file.parent
    while (folder.parent / "__init__.py").is_file():
        folder = folder.parent
    return folder


@functools.cache
def _cache_of(unit: Path) -> Path:
    digest = hashlib.sha256()
    for folder in sorted({OWN, unit}):
        for file in _modules(folder):
            digest.update(f"\0{folder.name}/{file.relative_to(folder).as_posix()}\0".encode())
            digest.update(file.read_bytes())
    base = os.environ.get("NUMBA_CACHE_DIR")
    folder = (Path(base) if base else cache_folder() / "numba") / digest.hexdigest()[:32]
    return folder if _is_writable(folder) else _temporary(folder)


def _modules(folder: Path) -> Iterator[Path]:
    """The Python files of a package, or of a folder that is none, in a fixed order."""
    is_package = (folder / "__init__.py").is_file()
    yield from sorted(folder.rglob("*.py") if is_package else folder.glob("*.py"))


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True


def _temporary(folder: Path) -> Path:
    """A folder of this user that starts as a copy of a cache that cannot be written to."""
    base = scratch_folder()
    target = base / folder.name
    if not target.is_dir():
        fresh = Path(tempfile.mkdtemp(dir=base))
        _copy(folder, fresh)
        try:
            fresh.rename(target)
        except OSError:
            # Another process was sooner.
            shutil.rmtree(fresh)
    return target


def _copy(cache: Path, fresh: Path) -> None:
    """Copy what a cache holds, but not its permissions, which would make the copy read-only too."""
    for file in cache.glob("*/*"):
        target = fresh / file.relative_to(cache)
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(file, target)

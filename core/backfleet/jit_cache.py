"""The cache of machine code: a folder for each compiled function, named by what it reaches.

numba caches machine code by the file of a function, and so serves stale numbers when a function
that it calls, or a constant that it uses, has changed in *another* file. The digest covers both,
and no more, so that an unrelated edit leaves the cache valid.
"""

from __future__ import annotations

import contextlib
import enum
import fcntl
import functools
import hashlib
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from backfleet.cache import cache_folder, scratch_folder
from backfleet.processor import baseline

__all__ = [
    "digest_of",
    "machine_code_cache",
    "machine_code_folder",
    "note_interpreted",
    "read_interpreted",
    "sole_compiler",
]

INTERPRETED = "interpreted"
"""File that counts the time spent on interpreting engines."""
NOTED_SECONDS = 0.1
"""CPU time that each byte of it stands for."""

LIBRARIES = frozenset({"builtins", "llvmlite", "math", "numba", "numpy", "operator"})
"""numba implements their functions itself, and its cache knows its own version."""


def digest_of(function: object) -> str:
    """Return a digest of a function and of all functions and constants that it reaches.

    They are found through its globals, closure and default values, and the attributes of modules:
    plain functions, functions of numba, and functions that are `Compiled`.
    """
    digest = hashlib.sha256()
    # Depth first in sorted order of names, so that the digest is the same in every process.
    # `visited` ends the walk when two functions refer to each other.
    waiting, visited = [function], {id(function)}
    while waiting:
        plain, options = _unwrap(waiting.pop())
        digest.update(f"\0{plain.__module__}.{plain.__qualname__}\0{options!r}\0".encode())
        digest.update(repr(_code_facts(plain.__code__)).encode())
        for name, value in _referents(plain):
            for fact in _facts(value, _names(plain.__code__)):
                if not _is_function(fact):
                    digest.update(f"\0{name}={fact!r}".encode())
                elif id(fact) not in visited:
                    visited.add(id(fact))
                    waiting.append(fact)
    # 128 bits exclude collisions and keep paths short.
    return digest.hexdigest()[:32]


def machine_code_cache() -> Path:
    """Return the folder of all machine code, `$NUMBA_CACHE_DIR` or in backfleet's cache."""
    base = os.environ.get("NUMBA_CACHE_DIR")
    return Path(base) if base else cache_folder() / "numba"


def machine_code_folder(digest: str) -> Path:
    """Return the folder for machine code of that digest, for this processor; one for temporary
    files, which starts as a copy, if the cache cannot be written to."""
    cache = machine_code_cache()
    here = baseline()
    # Machine code of different processors must not share a folder: a home directory on a network
    # serves both.
    name = os.environ.get("NUMBA_CPU_NAME", here.numba_name if here is not None else "")
    folder = cache / "-".join(filter(None, (digest, platform.machine(), name)))
    return folder if _is_writable(cache) else _temporary(folder)


def note_interpreted(seconds: float) -> None:
    """Add CPU seconds to those that workers of this machine have spent on interpreting engines."""
    cache = machine_code_cache()
    # Without a place for it, every sweep counts as the first one.
    with contextlib.suppress(OSError):
        cache.mkdir(parents=True, exist_ok=True)
        # The size of the file is the count, because appending needs no lock.
        with (cache / INTERPRETED).open("ab") as file:
            file.write(b"." * round(seconds / NOTED_SECONDS))


def read_interpreted() -> float:
    """Return the CPU seconds noted so far."""
    with contextlib.suppress(OSError):
        return (machine_code_cache() / INTERPRETED).stat().st_size * NOTED_SECONDS
    return 0.0


@contextlib.contextmanager
def sole_compiler(folder: Path) -> Iterator[None]:
    """Wait until no other process compiles for the cache of this folder.

    The processes of a sweep need the same machine code. One of them compiles it, and the others
    load it. The lock ends with its process.
    """
    with contextlib.ExitStack() as stack:
        # Some network file systems have no locks, and a full disk has no place for one.
        with contextlib.suppress(OSError):
            # One lock for the whole cache, because compiling a function also compiles the functions
            # it calls.
            lock = stack.enter_context((folder.parent / "compiling").open("ab"))
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _unwrap(function: Any) -> tuple[FunctionType, object]:
    """Return the Python function that numba compiles, and the options that it compiles it with."""
    # The first of each pair is the attribute of `Compiled`, the second that of numba's dispatchers.
    options = getattr(function, "options", None) or getattr(function, "targetoptions", None)
    plain = getattr(function, "function", None) or getattr(function, "py_func", None) or function
    return plain, options


def _is_function(value: Any) -> bool:
    plain = value if isinstance(value, type) else _unwrap(value)[0]
    if not isinstance(plain, FunctionType):
        return False
    return (plain.__module__ or "").partition(".")[0] not in LIBRARIES


def _referents(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """Yield the globals, closure cells and default values that a function uses, by name."""
    # Names that are no globals are attributes or builtins; `_facts` follows the attributes of
    # modules.
    for name in sorted(_names(function.__code__) & function.__globals__.keys()):
        yield name, function.__globals__[name]
    cells = function.__closure__ or ()
    for name, cell in zip(function.__code__.co_freevars, cells, strict=True):
        # A closure's values are constants to numba, just as globals are.
        yield name, cell.cell_contents
    yield "defaults", function.__defaults__
    yield "keyword defaults", tuple((function.__kwdefaults__ or {}).items())
    # How numba compiles a function that it is taught, such as `c_pow`.
    yield "compiled by", getattr(function, "compiled_by", None)


def _facts(
    value: Any, names: frozenset[str], within: frozenset[ModuleType] = frozenset()
) -> Iterator[Any]:
    """Yield what machine code can take from a global: functions, or printable constants."""
    if isinstance(value, ModuleType):
        # A package and its modules refer to each other.
        if value.__name__.partition(".")[0] in LIBRARIES or value in within:
            return
        for attribute in sorted(names & vars(value).keys()):
            yield from _facts(vars(value)[attribute], names, within | {value})
    elif _is_function(value):
        yield value
    elif isinstance(value, np.ndarray):
        # numba freezes a global array into the machine code.
        yield value.dtype.descr, value.shape, hashlib.sha256(value.tobytes()).hexdigest()
    elif isinstance(value, type) and issubclass(value, enum.Enum):
        yield value.__qualname__, [(member.name, member.value) for member in value]
    elif isinstance(value, type):
        yield value.__module__, value.__qualname__, getattr(value, "_fields", None)
    elif isinstance(value, tuple | list):
        yield type(value).__qualname__, len(value)
        for element in value:
            yield from _facts(element, names, within)
    elif isinstance(value, bool | int | float | complex | str | bytes | np.generic | np.dtype):
        yield type(value).__qualname__, value
    else:
        # Its repr may hold an address, which differs in every process.
        yield type(value).__module__, type(value).__qualname__


@functools.cache
def _names(code: CodeType) -> frozenset[str]:
    """Return the names of globals and attributes in a function, nested ones included."""
    nested = (_names(constant) for constant in code.co_consts if isinstance(constant, CodeType))
    return frozenset(code.co_names).union(*nested)


def _code_facts(code: CodeType) -> tuple[object, ...]:
    """Return what determines the behavior of a function besides the values of its globals."""
    constants = [_constant(constant) for constant in code.co_consts]
    # Line numbers and the file name are left out, so that moving a function keeps its machine code.
    arguments = code.co_argcount, code.co_kwonlyargcount, code.co_posonlyargcount, code.co_flags
    names = code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars
    return code.co_code, code.co_exceptiontable, arguments, names, constants


def _constant(value: object) -> object:
    if isinstance(value, CodeType):
        return _code_facts(value)
    if isinstance(value, frozenset):
        # Its own order differs in every process.
        return sorted(map(repr, value))
    return value


@functools.cache
def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Permission bits do not show a read-only file system or a full disk; creating a file does.
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True


def _temporary(folder: Path) -> Path:
    """Return a folder of this user that starts as a copy of a cache that cannot be written to."""
    base = scratch_folder()
    target = base / folder.name
    if not target.is_dir():
        fresh = Path(tempfile.mkdtemp(dir=base))
        _copy(folder, fresh)
        try:
            # A rename makes the whole copy visible at once. It fails if the target exists and is
            # not empty.
            fresh.rename(target)
        except OSError:
            # Another process was faster.
            shutil.rmtree(fresh)
    return target


def _copy(cache: Path, fresh: Path) -> None:
    """Copy the files of a cache, but not their permissions, which would make the copy read-only."""
    for file in cache.glob("*/*"):
        target = fresh / file.relative_to(cache)
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(file, target)

"""Opening an executor by name, with its settings."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from backfleet.errors import ExecutorError, UnknownPlugin
from backfleet.executor import SETTINGS_FILE, Executor, ExecutorSettings, Prewarmed
from backfleet.job.job_errors import plain_reason, suggestion
from backfleet.job.text_file import read_text_file
from backfleet.job.toml import parse_toml
from backfleet.plugins import list_plugins, load_plugin, unknown_plugin

__all__ = ["is_configured", "open_executor", "prewarmed_executor", "read_settings_file"]


def open_executor(name: str, options: Sequence[str] = ()) -> Executor:
    """The executor of this name.

    Its settings come from `[executors.<name>]` in backfleet.toml, then from the environment's
    `BACKFLEET_<NAME>_<FIELD>`, then from `options`, each `key=value`; the later wins.

    Raises UnknownPlugin, PluginError, ExecutorError.
    """
    cls: type[Executor] = load_plugin("executor", name, Executor)
    fields = cls.Settings.model_fields
    # All values of the environment and of options are texts; pydantic converts them to the types of
    # the fields.
    file_values = read_settings_file().get(name, {})
    values = file_values | _from_environment(name, fields) | _from_options(options)
    return cls(_validated(name, cls.Settings, values))


@contextmanager
def prewarmed_executor(
    name: str, options: Sequence[str] = (), *, detach: bool = False
) -> Iterator[Executor]:
    """Open an executor for a job that is not planned yet.

    A prewarmed executor starts a worker meanwhile, unless its workers are to outlive this process.
    """
    executor = open_executor(name, options)
    with nullcontext() if detach else Prewarmed.of(executor).prewarm():
        yield executor


def is_configured(name: str) -> bool:
    """Whether backfleet.toml or the environment has settings of this executor.

    Raises ExecutorError where backfleet.toml cannot be read.
    """
    return bool(read_settings_file().get(name)) or bool(_variables(name))


def _validated(
    name: str, settings: type[ExecutorSettings], values: Mapping[str, Any]
) -> ExecutorSettings:
    try:
        return settings.model_validate(values)
    except ValidationError as error:
        known = list(settings.model_fields)
        problems = "; ".join(_problem(fault, known) for fault in error.errors())
        raise ExecutorError(f"executor {name!r}: {problems}") from None


def _problem(error: Mapping[str, Any], known: Sequence[str]) -> str:
    """Return an error of pydantic in the words of the job file's errors."""
    key = ".".join(map(str, error["loc"]))
    if error["type"] != "extra_forbidden":
        return f"{key} = {error['input']!r}: {plain_reason(error)}"
    # A setting of another executor or a typing error.
    near = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(known) or 'none'}"
    return f"{key}: unknown setting; {hint}"


def read_settings_file() -> Mapping[str, dict[str, Any]]:
    """Return the settings of every executor in backfleet.toml; none without such a file.

    Raises ExecutorError for a file that cannot be read, and for any key that no executor reads,
    because a misspelled one may hold a limit on costs.
    """
    file = Path(SETTINGS_FILE)
    if not file.is_file():
        return {}
    try:
        return _executor_tables(parse_toml(read_text_file(file)))
    except OSError as error:
        raise ExecutorError(f"{file.resolve()}: {error.strerror}") from error
    except (ValueError, UnknownPlugin) as error:
        raise ExecutorError(f"{file.resolve()}: {error}") from error


def _executor_tables(content: Mapping[str, Any]) -> Mapping[str, dict[str, Any]]:
    executors = list_plugins("executor")
    names = {executor.name for executor in executors}
    for key in content:
        if key != "executors":
            table = f"executors.{key if key in names else 'NAME'}"
            raise ValueError(
                f"{key}: unknown key; did you mean [{table}]? The file has only settings of "
                "executors. The option --executor NAME chooses the executor"
            )
    tables: dict[str, dict[str, Any]] = content.get("executors", {})
    if not isinstance(tables, dict):
        raise ValueError("[executors] must be a table")
    for name, settings in tables.items():
        if name not in names:
            raise unknown_plugin("executor", name, executors)
        if not isinstance(settings, dict):
            raise ValueError(f"[executors.{name}] must be a table")
    return tables


def _from_environment(name: str, fields: Mapping[str, Any]) -> dict[str, str]:
    variables = _variables(name)
    for field in variables:
        if field not in fields:
            raise ExecutorError(
                f"{_prefix(name)}{field.upper()}: executor {name!r} has no setting {field!r}"
                f"{suggestion(field, fields)}"
            )
    return variables


def _variables(name: str) -> dict[str, str]:
    """Return the values of an executor's environment variables, by the names of the fields."""
    prefix = _prefix(name)
    # Those of an executor "aws-batch" are none of "aws", although they begin alike.
    longer = tuple(
        other
        for executor in list_plugins("executor")
        if (other := _prefix(executor.name)).startswith(prefix) and other != prefix
    )
    return {
        key.removeprefix(prefix).lower(): value
        for key, value in os.environ.items()
        if key.startswith(prefix) and not key.startswith(longer)
    }


def _prefix(name: str) -> str:
    return f"BACKFLEET_{name.upper().replace('-', '_')}_"


def _from_options(options: Sequence[str]) -> dict[str, str]:
    values = {}
    for option in options:
        key, equals, value = option.partition("=")
        if not equals or not key:
            raise ExecutorError(f"-o {option}: write it as key=value, such as -o workers=2")
        values[key.strip()] = value.strip()
    return values

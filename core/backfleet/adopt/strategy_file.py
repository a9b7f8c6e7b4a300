"""The strategy file of an adopted script, and the modules beside the script that it imports."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from backfleet.adopt.observation import ObservedRun, Statement
from backfleet.adopt.strategy_source import ScriptSource, TakenSource

__all__ = ["StrategyFile", "strategy_file"]

SUBCLASS = "Adopted"
NO_STRATEGY = "bt.Strategy"
"""The code of the class that Cerebro runs for a script without a strategy."""


@dataclass(frozen=True)
class StrategyFile:
    """A file with a strategy.

    Attributes
    ----------
    name
        Name of the file.
    class_name
        The strategy's class in it.
    text
        Its content.
    modules
        Files beside the script that it needs, relative to the script's folder.
    refusals
        Why it cannot be written; empty if it can.
    """

    name: str
    class_name: str
    text: str
    modules: tuple[Path, ...]
    refusals: tuple[str, ...]

    def write(self, folder: Path, script_folder: Path) -> None:
        """Write the file and copy the modules."""
        (folder / self.name).write_text(self.text, "utf-8")
        for module in self.modules:
            target = folder / module
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(script_folder / module, target)


def strategy_file(script: Path, run: ObservedRun, names: Mapping[str, str]) -> StrategyFile:
    """Take the strategy out of a script, with a subclass for what a job cannot say.

    `names` has the new names of feeds that are renamed.
    """
    # Everything whose names have to be found in the script.
    codes = [run.strategy, *run.classes, *(statement.code for statement in run.statements)]
    taken = ScriptSource(_read(script), run.globals).take(n for code in codes for n in code.names)
    extra = [line for code in codes for line in code.imports] + list(taken.imports)
    class_name = run.strategy.text
    text = _with_imports(extra, taken)
    if run.statements or class_name == NO_STRATEGY:
        class_name = _free_name(SUBCLASS, text)
        text = f"{text.rstrip()}\n\n\n{_subclass(class_name, run, names)}"
    # Added last, in front: the docstring must come before the imports of the future.
    text = f'"""Taken from {script.name} by \'backfleet adopt\'."""\n\n{text.lstrip()}'
    modules = tuple(_modules(script.absolute().parent, text))
    # A copied module keeps its name, as others import it by that.
    name = "adopted.py" if Path("strategy.py") in modules else "strategy.py"
    if not class_name.isidentifier():
        # A job names a class of the file itself.
        name_here = _free_name(class_name.rpartition(".")[2], text)
        text = f"{text.rstrip()}\n\n\n{name_here} = {class_name}\n"
        class_name = name_here
    return StrategyFile(name, class_name, text, modules, taken.refusals)


def _read(script: Path) -> str:
    # Python itself looks for the line that names the encoding.
    import tokenize

    with tokenize.open(script) as file:
        return file.read()


def _with_imports(lines: Iterable[str], taken: TakenSource) -> str:
    """The source with the lines of imports that it lacks, behind those of the future."""
    present = set(taken.text.splitlines())
    # Whole lines are compared; an import that is there in another form is only repeated.
    missing = [line for line in dict.fromkeys(lines) if line not in present]
    parts = [taken.future, "\n".join([*missing, taken.text.strip()])]
    return "\n\n".join(filter(None, parts)).strip() + "\n"


def _free_name(name: str, text: str) -> str:
    # A search in the text is stricter than necessary, and never too lax.
    while name in text:
        name += "Strategy"
    return name


def _subclass(name: str, run: ObservedRun, names: Mapping[str, str]) -> str:
    base = run.strategy.text
    what = f"`{base}`, with what a job has no key for."
    if base == NO_STRATEGY:
        what = "The script has no strategy, so this one does nothing."
    by_place = {
        place: [_renamed(item, names) for item in run.statements if item.place == place]
        for place in ("params", "init", "start")
    }
    parts = [f"class {name}({base}):", f'    """{what}"""']
    if by_place["params"]:
        pairs = "".join(f"        {pair},\n" for pair in by_place["params"])
        parts.append(f"\n    params = (\n{pairs}    )")
    if by_place["init"]:
        parts.append("\n    def __init__(self, *args, **kwargs):")
        parts.append("        super().__init__(*args, **kwargs)")
        parts += [f"        {line}" for line in by_place["init"]]
    if by_place["start"]:
        parts.append("\n    def start(self):")
        # Before the strategy's own `start`, which may rely on what Cerebro had set by then.
        parts += [f"        {line}" for line in by_place["start"]]
        parts.append("        super().start()")
    return "\n".join(parts) + "\n"


def _renamed(statement: Statement, names: Mapping[str, str]) -> str:
    feed = statement.feed
    text = statement.code.text
    return text if feed is None else text.replace(f"{feed!r}", f"{names.get(feed, feed)!r}")


def _modules(folder: Path, text: str) -> Iterator[Path]:
    """The files below a folder that a source imports, and what they import in turn."""
    seen: set[Path] = set()
    waiting: list[tuple[Iterable[str], Path]] = [(_imported(text), Path())]
    while waiting:
        names, package = waiting.pop()
        for name in names:
            for file in _files_of(folder, package, name):
                # Modules can import each other.
                if file in seen:
                    continue
                seen.add(file)
                yield file
                waiting.append((_imported_by(folder / file), file.parent))


def _imported_by(file: Path) -> list[str]:
    try:
        return list(_imported(_read(file)))
    except (SyntaxError, ValueError):
        # Python cannot read the module, so the script has never imported it.
        return []


def _imported(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            # `from package import name` runs the package, and `name` may be a module in it.
            yield base
            between = "." if node.module else ""
            yield from (f"{base}{between}{alias.name}" for alias in node.names)


def _files_of(folder: Path, package: Path, name: str) -> Iterator[Path]:
    """The files of a module and of the packages around it, those that there are."""
    level = len(name) - len(name.lstrip("."))
    base = package
    for _ in range(level - 1):
        base = base.parent
    path = base if level else Path()
    for part in filter(None, name.split(".")):
        path /= part
        for file in (path.with_suffix(".py"), path / "__init__.py"):
            if (folder / file).is_file():
                yield file

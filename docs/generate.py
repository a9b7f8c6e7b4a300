"""Write the keys of a job into job-file.md and the presets into data-import.md.

A key's meaning is what the docstring of its section says, its default is the model's. Run `python
docs/generate.py`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic_core import PydanticUndefined

from backfleet.job import broker, model
from backfleet.job.section import Section
from backfleet.sources.importing.preset import all_presets

PAGE = Path(__file__).parent / "job-file.md"
PRESETS_PAGE = Path(__file__).parent / "data-import.md"
PRESETS_PLACE = re.compile(r"(<!-- presets -->\n).*?(<!-- end of presets -->)", re.S)
PLACE = re.compile(r"(<!-- keys -->\n).*?(<!-- end of keys -->)", re.S)
SECTIONS: dict[str, type[Section]] = {
    "": model.Job,
    "params": model.Job,
    "sweep": model.Sweep,
    "data": model.Data,
    "data.auxiliary.NAME": model.Auxiliary,
    "broker": broker.Broker,
    "broker.commission": broker.CommissionSection,
    "broker.slippage": broker.SlippageSection,
    "broker.symbols.NAME": broker.SymbolCostsSection,
    "market": model.MarketSection,
    "results": model.Results,
    "validation": model.Validation,
    "resources": model.Resources,
}
OWN_TABLES = (["params"], ["auxiliary"])
ENTRY = re.compile(r"^(\w[\w, ]*)\n((?:    .*\n?)+)", re.M)


def job_keys() -> str:
    """A table of all keys, section by section."""
    rows = ["| key | meaning | default |", "|---|---|---|"]
    for name, section in SECTIONS.items():
        rows += _rows(name, section)
    return "\n".join(rows) + "\n"


def _rows(name: str, section: type[Section]) -> Iterator[str]:
    title = f"**`[{name}]`** " if name else ""
    if name == "params":
        yield f"| {title}| a spec for each parameter, below | the strategy's defaults |"
        return
    for keys, meaning in _meanings(section):
        fields = [section.model_fields[key] for key in keys]
        spelled = ", ".join(f"`{key}`" for key in keys)
        yield f"| {title}{spelled} | {meaning} | {_default(fields[0])} |"
        title = ""


def _meanings(section: type[Section]) -> Iterator[tuple[list[str], str]]:
    """(keys, meaning), as the section's docstring lists them; tables of their own are left out."""
    text = inspect.cleandoc(section.__doc__ or "").partition("----------\n")[2]
    for names, meaning in ENTRY.findall(text.partition("\nRaises\n")[0]):
        keys = [name.strip() for name in names.split(",")]
        if keys not in OWN_TABLES and not (section is broker.Broker and keys == ["symbols"]):
            yield keys, " ".join(meaning.split()).replace("``", "`")


def _default(field: Any) -> str:
    if field.default is PydanticUndefined and field.default_factory is None:
        return "required"
    value = field.get_default(call_default_factory=True)
    if value in (None, "", (), {}):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{SPELLED.get(value) or _toml(value)}`"


SPELLED = {2 * 2**30: '"2 GiB"', 300.0: '"5 min"'}


def _toml(value: Any) -> str:
    if isinstance(value, tuple):
        return _toml(value[0]) if len(value) == 1 else str(list(value))
    return f'"{value}"' if isinstance(value, str) else f"{value:g}"


def preset_sections() -> str:
    """Each preset with the first lines of a file."""
    sections = []
    for name, preset in all_presets().items():
        notes = "".join(f" {note[0].upper()}{note[1:]}." for note in preset.notes)
        zone = preset.timezone
        if zone == "required":
            notes += " Intraday files need `--timezone`."
        elif zone:
            notes += f" Time zone: `{zone}`."
        lines = "\n".join(f"    {line}" for line in preset.example.splitlines())
        sections.append(f"### {name}\n\n{preset.title}.{notes}\n\n{lines}\n")
    return "\n" + "\n".join(sections) + "\n"


def main() -> None:
    page = PRESETS_PAGE.read_text()
    PRESETS_PAGE.write_text(
        PRESETS_PLACE.sub(lambda match: match[1] + preset_sections() + match[2], page)
    )
    text = PAGE.read_text()
    PAGE.write_text(PLACE.sub(lambda match: match[1] + job_keys() + match[2], text))


if __name__ == "__main__":
    main()

"""Pages: a template, data for the page's script, figures, and a policy that forbids the network."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import jinja2
    import plotly.graph_objects as go

__all__ = [
    "PLOTLY",
    "Page",
    "figure_json",
    "library_file",
    "render_file",
    "render_linked",
    "script_source",
    "style_source",
]

PLOTLY = "plotly.min.js"
STATIC = "/static"

# `<` could begin `</script>` or `<!--`, which HTML reads inside of scripts, too, and the last two
# end a line in older JavaScript. JSON has them in strings only, where the escapes mean the same.
_ESCAPES = str.maketrans(
    {
        "<": "\\u003c",
        ">": "\\u003e",
        "&": "\\u0026",
        "\u2028": "\\u2028",
        "\u2029": "\\u2029",
    }
)


@dataclass(frozen=True)
class Page:
    """A page, not yet rendered.

    Attributes
    ----------
    template
        Its name under `templates/`.
    context
        What the template gets.
    data
        Plain JSON for the page's script, by name.
    figures
        By the id of the element that shows each.
    scripts
        The files under `static/` that the page needs beside `page.js`, in order.
    package
        Where the template lies.
    """

    template: str
    title: str
    context: Mapping[str, Any]
    data: Mapping[str, Any] = field(default_factory=dict)
    figures: Mapping[str, go.Figure] = field(default_factory=dict)
    scripts: Sequence[str] = ()
    package: str = "backfleet.report"

    @property
    def all_scripts(self) -> Sequence[str]:
        """Return the scripts that run at once; the library of the figures loads on demand."""
        # `page.js` defines what the others use, so it is the first.
        return ("page.js", *self.scripts, *(("figures.js",) if self.figures else ()))


def render_file(page: Page, library_link: str = "") -> str:
    """Return the page as one file that holds its styles, scripts and data.

    Parameters
    ----------
    library_link
        Where the plotting library is, from the page; without a link the page holds it too.
    """
    sources = [script_source(name) for name in page.all_scripts]
    # The page holds the library as text, and `figures.js` turns it into an inline script when the
    # first figure is drawn. So its hash is among those that the policy allows.
    library = script_source(PLOTLY) if page.figures and not library_link else ""
    allowed = [f"'sha256-{_sha256(source)}'" for source in (*sources, library) if source]
    if library_link:
        # A page that is opened from a disk has no origin, so 'self' does not name its folder.
        allowed += ["'self'", "file:"]
    assets = {"sources": sources, "library": library, "style": style_source()}
    return _render(
        page, {**assets, "library_link": library_link, "policy": _policy(" ".join(allowed))}
    )


def library_file() -> str:
    """Return the name of a file for the plotting library, which has its version."""
    from plotly.offline import get_plotlyjs_version

    return f"plotly-{get_plotlyjs_version()}.min.js"


def render_linked(page: Page) -> str:
    """Return the page of `backfleet serve`, which fetches styles and scripts from the server."""
    links = [f"{STATIC}/{name}" for name in page.all_scripts]
    library = f"{STATIC}/{PLOTLY}"
    return _render(
        page, {"links": links, "library_link": library, "stylesheet": f"{STATIC}/page.css"}
    )


def _policy(scripts: str) -> str:
    return (
        # plotly sets styles from its script, and offers pictures for download as data and blob
        # URLs.
        f"default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _render(page: Page, assets: Mapping[str, Any]) -> str:
    from markupsafe import Markup

    # Markup: Jinja would escape quotes again, and the script could not parse the JSON.
    blocks = {name: Markup(_in_script(json.dumps(value))) for name, value in page.data.items()}
    figures = {
        name: Markup(_in_script(figure_json(figure))) for name, figure in page.figures.items()
    }
    context = {
        "title": page.title,
        "blocks": blocks,
        "figures": figures,
        "sources": [Markup(source) for source in assets.get("sources", ())],
        "library": Markup(assets.get("library", "")),
        "links": assets.get("links", ()),
        "library_link": assets.get("library_link", ""),
        "style": Markup(assets.get("style", "")),
        "stylesheet": assets.get("stylesheet", ""),
        # A page of the server has no policy of its own; the server sends one as a header.
        "policy": assets.get("policy", ""),
    }
    return (
        _environment(page.package).get_template(page.template).render(context | dict(page.context))
    )


def figure_json(figure: go.Figure) -> str:
    """Return a figure as JSON."""
    text: str = figure.to_json()
    return text


def _in_script(text: str) -> str:
    """Return JSON for the inside of a script element: nothing in it may end the element."""
    return text.translate(_ESCAPES)


@cache
def script_source(name: str) -> str:
    """Return the text of a script of the pages."""
    if name == PLOTLY:
        from plotly.offline import get_plotlyjs

        # Reads 5 MB from the disk, once per process.
        source: str = get_plotlyjs()
        return source
    return _static(name)


@cache
def style_source() -> str:
    """Return the text of the pages' style sheet."""
    return _static("page.css")


def _static(name: str) -> str:
    return files("backfleet.report").joinpath("static", name).read_text(encoding="utf-8")


def _sha256(source: str) -> str:
    return base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()


@cache
def _environment(package: str) -> jinja2.Environment:
    import jinja2

    from backfleet.report.metric_labels import format_value

    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader(
            # Templates of other packages extend `base.html` of this one.
            [jinja2.PackageLoader(name) for name in dict.fromkeys((package, "backfleet.report"))]
        ),
        autoescape=True,
        # A name that is missing in the context is an error instead of an empty text.
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["metric_of"] = format_value
    environment.tests["noted"] = lambda line: line.startswith("note: ")
    environment.filters["count"] = lambda number: f"{number:,}"
    return environment

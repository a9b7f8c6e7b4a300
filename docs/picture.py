"""Take the picture of a report that README.md and the pages show.

It needs Chromium. Run `python docs/picture.py`.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import backfleet as bf
from backfleet.job import Overrides
from backfleet.report.page import render_file
from backfleet.report.sweep_page import sweep_page

PICTURE = Path(__file__).parent / "images" / "report.png"
JOB = Path(__file__).parents[1] / "examples" / "jobs" / "two-averages.toml"
SIZE = "1200,1850"
"""Width and height in pixels; the first figure ends there."""

DRAWN_MS = 10_000
"""Time of the page's clock until which the figures are drawn."""


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        overrides = Overrides(sets=[f"results.store={folder / 'runs'}"])
        run = bf.run(bf.Job.load(JOB, overrides))
        page = folder / "report.html"
        page.write_text(render_file(sweep_page(run)), encoding="utf-8")
        browser = ["chromium", "--headless", "--no-sandbox", "--hide-scrollbars"]
        shot = [f"--window-size={SIZE}", f"--virtual-time-budget={DRAWN_MS}"]
        target = [f"--user-data-dir={folder / 'browser'}", f"--screenshot={PICTURE}"]
        subprocess.run([*browser, *shot, *target, page.as_uri()], check=True)


if __name__ == "__main__":
    main()

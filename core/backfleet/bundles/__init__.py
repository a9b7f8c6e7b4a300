"""Bundles: a run in one zip file, to share it with somebody who has another store and other data.

`export_bundle` takes a run and writes its manifest, kept code, rows, details and labels, but no
data and nothing that belongs to one machine: no submissions, no logs, no paths. `import_bundle`
takes such a file, which may come from a stranger. It checks names, sizes and hashes of everything
before it writes the first object, and runs no code. Start reading in `contents`, which says what a
bundle may hold; `archive` reads the zip file, `exporting` and `importing` do the rest.
"""

from __future__ import annotations

from backfleet.bundles.exporting import export_bundle
from backfleet.bundles.importing import ImportedRun, import_bundle

__all__ = ["ImportedRun", "export_bundle", "import_bundle"]

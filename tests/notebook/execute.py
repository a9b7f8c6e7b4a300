"""Executes a notebook in its folder and writes it back with its outputs."""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

file = Path(sys.argv[1])
notebook = nbformat.read(file, as_version=4)
NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(file.parent)}}).execute()
nbformat.write(notebook, file)

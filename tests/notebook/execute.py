"""Executes a notebook in its folder and writes it back with its outputs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

file = Path(sys.argv[1])
# Where the environment is not active, its commands are not found otherwise.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
notebook = nbformat.read(file, as_version=4)
NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(file.parent)}}).execute()
nbformat.write(notebook, file)

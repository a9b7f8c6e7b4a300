"""`backfleet serve`: a local page over the runs of a store."""

from __future__ import annotations

import click

from backfleet.cli.options import is_missing_directory
from backfleet.extras import require_extra
from backfleet.store import DEFAULT_STORE, open_store

__all__ = ["serve"]


@click.command()
@click.argument("store", default=DEFAULT_STORE)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8750,
    show_default=True,
    help="Port to listen on; 0 selects a free port.",
)
def serve(store: str, host: str, port: int) -> None:
    """Serve a page over the runs of STORE, a directory or S3 URL, until Ctrl-C or SIGTERM.

    It only reads. If other machines can reach it, it asks for a token, which is part of the address
    that it prints. Ctrl-C and SIGTERM end it within 2 seconds, with exit code 0.
    """
    require_extra("serve")
    from backfleet.serve.server import serve_store

    if is_missing_directory(store):
        # Not an error: the server may start before the first run is planned.
        click.echo(f"note: {store} does not exist; runs appear once they are planned", err=True)
    # It asks S3 for nothing yet, so the server starts even if the store cannot be reached.
    root = open_store(store)
    serve_store(root, host, port, lambda url: click.echo(f"{root.url} at {url} (Ctrl-C ends it)"))

"""Serving a store: a local page over its runs."""

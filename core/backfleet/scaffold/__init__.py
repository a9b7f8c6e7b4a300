"""New packages from templates: `backfleet new`."""

"""What code a run is made of: import closures, content hashes, kept copies, and shipping."""

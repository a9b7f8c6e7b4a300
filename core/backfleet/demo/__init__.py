"""The sample job and its data."""

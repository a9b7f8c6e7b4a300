"""Results: the rows of a run as one table, and the details of a task."""

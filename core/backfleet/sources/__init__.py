"""Sources of bars, the cache of prepared bars, and the import of vendors' files."""

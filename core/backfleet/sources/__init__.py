"""Sources of bars that come along, and the cache of prepared bars."""

"""Submissions: numbered requests to start workers for a run, and their log in the store."""

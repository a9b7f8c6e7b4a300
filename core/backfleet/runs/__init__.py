"""Runs: started, watched, resumed, cancelled, and opened again from anywhere."""

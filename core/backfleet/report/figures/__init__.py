"""Figures of tasks, sweeps and comparisons: plain functions from DataFrames to plotly figures."""

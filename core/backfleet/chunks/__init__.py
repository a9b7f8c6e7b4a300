"""Chunks: what a worker commits, a contiguous range of tasks as rows and the blobs they need."""

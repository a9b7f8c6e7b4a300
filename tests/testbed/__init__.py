"""A real Docker engine, a base image and a registry for the tests; README.md says how to use it."""

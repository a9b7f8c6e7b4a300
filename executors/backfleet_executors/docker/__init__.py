"""The executor `docker`: workers in containers of a Docker engine."""

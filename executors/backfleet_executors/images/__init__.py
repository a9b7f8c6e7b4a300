"""The image that workers in containers run: built from what is installed here, and pushed."""

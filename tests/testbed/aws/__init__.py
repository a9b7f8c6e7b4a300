"""AWS on loopback: the server, and what a deployment would have made there; see README.md."""

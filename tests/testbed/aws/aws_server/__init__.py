"""A stand-in for AWS on loopback: moto's server, with a Batch that runs jobs as AWS does."""

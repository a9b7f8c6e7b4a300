"""Everything of AWS: the stack that a fleet needs, its data, and the executor `aws-batch`."""

"""The stack: everything that a fleet needs in an AWS account, as one CloudFormation template."""

"""The executor `aws-batch`: workers as children of AWS Batch array jobs, on Fargate."""

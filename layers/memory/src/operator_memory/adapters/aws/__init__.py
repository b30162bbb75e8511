"""S3, SQS and SSM."""

"""The archive: objects in S3, and its index in DynamoDB."""

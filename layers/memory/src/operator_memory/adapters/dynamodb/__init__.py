"""The items of the one DynamoDB table."""

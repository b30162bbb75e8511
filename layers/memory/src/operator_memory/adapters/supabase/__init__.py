"""The platform: users, accounts, messages, settings, and the audit trail."""

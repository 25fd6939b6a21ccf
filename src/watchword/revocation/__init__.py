"""Revocation: what can be revoked, the local view that every check asks, and how it hears of news."""

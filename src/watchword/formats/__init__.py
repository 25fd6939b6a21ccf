"""Formats: how a token is written. Parsing makes an Envelope, which nobody trusts; verifying makes a Verified."""

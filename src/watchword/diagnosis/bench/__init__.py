"""What this machine does in a second: formats, stores, revocation, whole requests, a password's cost."""

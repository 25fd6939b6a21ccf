"""Policy: may this caller do that? Scopes and roles in process; OPA and Cedar as adapters."""

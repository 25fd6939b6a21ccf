"""What a developer asks at 2 AM, as functions: what a token is, what ails a deployment."""

"""The server's own users: their records, and the bounded place where passwords are hashed."""

"""The kinds of token: one file each, and the table that binds what a kind may be."""

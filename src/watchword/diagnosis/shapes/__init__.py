"""The shapes of text that are known: a file for each, and the table in ``base``."""

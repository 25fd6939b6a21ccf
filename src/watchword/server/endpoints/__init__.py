"""What the server answers: a file for each group of endpoints; the table of routes stands in ``server.app``."""

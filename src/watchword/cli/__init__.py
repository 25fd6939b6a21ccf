"""The command line: a thin file for each group of commands; what they do lives in the rooms below."""

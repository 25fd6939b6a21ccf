"""What went wrong, and what a token says: functions, which the command line only shows."""

"""The only floor with loops and threads: what keeps views fresh and stores clean, beside the path and never in it."""

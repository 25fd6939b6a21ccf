"""What can be wrong with a text, a file for each part of it; ``table`` holds them all."""

"""What was calculated, and the files that it is written to."""

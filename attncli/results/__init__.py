"""The results of a calculation, and the files that they are written to."""

"""Worksheets: numbers that can be worked by hand, the form to fill in, and the key."""

"""Worksheets: numbers that can be worked out by hand, a form to fill in, and the key."""

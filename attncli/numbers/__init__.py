"""Converting text to numbers and numbers to text."""

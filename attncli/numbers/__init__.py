"""Text to number and number to text."""

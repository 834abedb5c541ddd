"""The search for the slip, or the two together, that explain wrong numbers."""

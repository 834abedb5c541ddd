"""The stages between projections and output, apart from the score: one record per choice, with its numbers and
words."""

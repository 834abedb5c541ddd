"""The stages between projections and output beside the score: a record for each choice, with its numbers and words."""

"""The known mistakes: how each is made, and the search for the one that explains wrong numbers."""

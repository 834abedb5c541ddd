"""The known mistakes (slips): how each is made, and the search for the one that explains wrong numbers."""

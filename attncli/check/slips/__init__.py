"""The known mistakes (slips), one record each: how it is made, and a sentence."""

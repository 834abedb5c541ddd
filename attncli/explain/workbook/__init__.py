"""A problem as sheets of live formulas, as a spreadsheet recalculates them."""

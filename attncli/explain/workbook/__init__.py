"""A problem as spreadsheets with live formulas, which recalculate when a number is changed."""

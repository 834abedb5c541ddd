"""The data of an interactive page: the numbers of a problem, its variants and the formulas of each step."""

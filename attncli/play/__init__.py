"""What a page to play with needs: the numbers of a problem, its variants and the formulas of each step."""

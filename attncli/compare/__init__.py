"""Variants, or the conventions of other systems, side by side on one problem."""

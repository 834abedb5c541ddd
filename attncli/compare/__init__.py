"""Variants, or other systems' conventions, side by side on one problem."""

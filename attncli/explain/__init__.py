"""The worked solution of one query after another, as records: what to print, never how."""

from attncli.explain.explain import explain
from attncli.explain.page import Explanation, Line, Solution, Step

__all__ = ["Explanation", "Line", "Solution", "Step", "explain"]

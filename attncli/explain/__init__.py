"""The worked solution of one query after another, as records: what to print, never how."""

from attncli.explain.records import Explanation, Line, Solution, Step
from attncli.explain.work import explain

__all__ = ["Explanation", "Line", "Solution", "Step", "explain"]

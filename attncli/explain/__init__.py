"""The worked solution of each query, as records that say what to print but not how."""

from attncli.explain.explain import explain
from attncli.explain.page import Explanation, Line, Solution, Step

__all__ = ["Explanation", "Line", "Solution", "Step", "explain"]

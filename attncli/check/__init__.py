"""Somebody's numbers against the right ones: verdicts by how precisely they were printed, and what was done instead."""

from attncli.check.checking import check
from attncli.check.report import CaseReport, Diagnosis, Errors, MatrixCheck

__all__ = ["CaseReport", "Diagnosis", "Errors", "MatrixCheck", "check"]

"""Checking given numbers against the right ones: verdicts by the precision of the print, and the likely mistake."""

from attncli.check.checking import check
from attncli.check.report import CaseReport, Diagnosis, Errors, MatrixCheck

__all__ = ["CaseReport", "Diagnosis", "Errors", "MatrixCheck", "check"]

"""The steps of a worked solution, with one module for each part of the page."""

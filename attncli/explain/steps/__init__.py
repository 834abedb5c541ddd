"""The steps of a worked solution, a module for each part of the page."""

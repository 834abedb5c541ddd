"""Requests: matrices, problem files and settings from files, standard input or the command line."""

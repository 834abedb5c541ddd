"""The version, in a module without imports, so that it can be printed at once."""

__version__ = "0.2.0"

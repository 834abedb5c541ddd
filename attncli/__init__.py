"""attncli: an attention calculator for the command line and for Python.

    from attncli import attend

    attend(queries, keys, values).output
"""

__version__ = "0.1.0"
__all__ = ["__version__"]

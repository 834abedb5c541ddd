"""The loops of the engine compiled by numba (extra `fast`)."""

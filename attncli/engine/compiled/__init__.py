"""The loops of the engine that numba compiles (extra `fast`)."""

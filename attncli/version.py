"""The version, by itself: whoever asks for it waits for nothing else."""

__version__ = "0.2.0"

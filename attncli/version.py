"""The version, by itself: whoever asks for it waits for nothing else."""

__version__ = "0.1.0"

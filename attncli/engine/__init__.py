"""The engine: scores, mask, softmax and weighted sum by blocks of queries, for every variant alike."""

from attncli.engine.compute import Sink, block_height, compute

__all__ = ["Sink", "block_height", "compute"]

"""The engine: scores, masks, softmax and weighted sums, computed by blocks of queries in the same way for every
variant."""

from attncli.engine.compute import Sink, block_height, compute

__all__ = ["Sink", "block_height", "compute"]

"""Many problems: found, named, handed to worker processes or a cluster, recorded, taken up again where they stopped."""

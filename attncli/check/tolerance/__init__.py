"""How far right numbers may be from the computed ones: rounding errors and rounded inputs."""

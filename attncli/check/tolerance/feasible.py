"""Finding numbers in [-1, 1] that bring a linear form close enough to a target."""

from __future__ import annotations

import numpy as np

from attncli.matrix import Array

ITERATIONS = 3000
INSIDE = 0.98  # of what is allowed, so that the moves are searched slightly inside


def nearest_moves(slopes: Array, missing: Array, allowed: Array) -> Array:
    """Find x in [-1, 1]^p with |slopes · x − missing| ≤ allowed for each of the c cells, or nearly so, with slopes (c,
    p).

    An accelerated projected gradient method minimizes the sum of the squared excesses y. If y · missing > Σ |slopesᵀ y|
    + Σ |y| · allowed, nothing fits (Farkas), and the nearest x so far is returned.
    """
    certain = allowed > 0
    weights = np.where(certain, 1 / np.where(certain, allowed, 1), 1 / max(float(allowed.max(initial=0)), 1e-300))
    matrix, target = slopes * weights[:, None], missing * weights
    within = np.where(certain, 1.0, 1e-9)
    steepest = float(np.linalg.norm(matrix, 2)) ** 2 if matrix.size else 0.0
    moves = ahead = np.zeros(slopes.shape[1])
    momentum = 1.0
    for iteration in range(ITERATIONS):
        off = target - matrix @ ahead
        excess = np.sign(off) * np.maximum(np.abs(off) - INSIDE * within, 0)
        if bool((np.abs(off) <= within).all()):
            return ahead
        pull = matrix.T @ excess
        if steepest == 0 or (iteration % 16 == 15 and _is_impossible(excess, pull, target, within)):
            break
        moved = np.clip(ahead + pull / steepest, -1, 1)
        following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = np.clip(moved + (momentum - 1) / following * (moved - moves), -1, 1)
        moves, momentum = moved, following
    return moves


def _is_impossible(excess: Array, pull: Array, target: Array, within: Array) -> bool:
    reach = float(np.abs(pull).sum() + (np.abs(excess) * within).sum())
    return float(excess @ target) > reach

"""Products of many rows with one matrix, in blocks of rows that the threads of the engine share."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import numpy as np

from attncli.matrix import Array
from attncli.threads import one_blas_thread, requested_threads, run_tasks, usable_cores

HEIGHT = 512  # rows of a block
FEW = 1 << 13  # multiplications that BLAS does not spread over threads of its own
ALONE = 1 << 21  # multiplications that are too few for a second thread


def multiply_by_blocks(rows: Array, matrix: Array) -> Array:
    """Return rows · matrix, (…, n, b) of (…, n, a) and (a, b), with the same bits for any number of threads.

    What overflows is infinite.
    """
    count = rows.size * matrix.shape[-1]
    if count <= ALONE:
        with np.errstate(over="ignore", invalid="ignore"), nullcontext() if count <= FEW else one_blas_thread():
            product: Array = rows @ matrix
        return product
    return _multiply_blocks(rows.reshape(-1, rows.shape[-1]), matrix).reshape(*rows.shape[:-1], matrix.shape[-1])


def _multiply_blocks(rows: Array, matrix: Array) -> Array:
    product = np.empty((len(rows), matrix.shape[-1]), np.result_type(rows, matrix))
    blocks = [slice(start, start + HEIGHT) for start in range(0, len(rows), HEIGHT)]

    def worker() -> Callable[[slice], int]:
        def do(block: slice) -> int:
            with np.errstate(over="ignore", invalid="ignore"):  # each thread has its own
                np.matmul(rows[block], matrix, out=product[block])
            return HEIGHT

        return do

    with one_blas_thread():
        run_tasks(blocks, worker, min(requested_threads() or usable_cores(), len(blocks)))
    return product

"""Products of many rows: right, and the same bits for any number of threads."""

import numpy as np
import pytest
from printed_bits import printed_under

from attncli import products
from attncli.products import HEIGHT, multiply_by_blocks

PRINT_BITS = """
import hashlib, numpy as np
from attncli.inputs.request import Request
from attncli.matrix import Matrix
from attncli.problem.prepare import prepare
from attncli.products import ALONE, FEW
from attncli.results.result import Result
source = np.random.default_rng(7)
digest = hashlib.sha256()
for rows, width in [(20, 16), (60, 40), (1300, 80)]:
    shapes = {"x": (rows, width), "d_output": (rows, width)}
    shapes |= dict.fromkeys(("w_q", "w_k", "w_v", "w_o"), (width, width))
    given = {name: Matrix(source.standard_normal(shape), name) for name, shape in shapes.items()}
    result = Result(prepare(Request(**given, heads=(2, 2))))
    for name in ("output", "queries", "d_x", "d_w_q", "d_w_o"):
        digest.update(np.ascontiguousarray(result.array(name)).tobytes())
print(20 * 16 * 16 < FEW < 60 * 40 * 40 < ALONE < 1300 * 80 * 80, digest.hexdigest())
"""


def test_the_number_of_threads_changes_no_bit_of_projections_and_their_gradients():
    settings = [{"ATTNCLI_THREADS": "1"}, {"ATTNCLI_THREADS": "3"}, {"OPENBLAS_NUM_THREADS": "7"}]
    printed = printed_under(PRINT_BITS, settings)
    assert [line.split()[0] for line in printed] == ["True"]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("lead", [(), (2, 3)], ids=["rows", "rows of entries"])
@pytest.mark.parametrize("rows", [1, HEIGHT, HEIGHT + 1])
def test_each_row_is_multiplied_once(rows, lead, dtype, monkeypatch):
    monkeypatch.setattr(products, "ALONE", 0)
    source = np.random.default_rng(rows)
    left, right = (source.integers(-8, 8, shape).astype(dtype) for shape in ((*lead, rows, 5), (5, 4)))
    found = multiply_by_blocks(left, right.T.copy().T)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, np.einsum("...na,ab->...nb", left, right))


def test_a_product_that_overflows_is_infinite_on_every_thread(monkeypatch):
    monkeypatch.setattr(products, "ALONE", 0)
    monkeypatch.setenv("ATTNCLI_THREADS", "2")
    found = multiply_by_blocks(np.full((3 * HEIGHT, 100), 1e300), np.full((100, 2), 1e300))
    assert np.isposinf(found).all()

"""One key head that all query heads read gets what all of them send."""

import numpy as np

import attncli

RNG = np.random.default_rng(3)


def test_packed_keys_of_one_head_get_the_sum_over_the_query_heads():
    queries, keys, values = RNG.normal(size=(4, 6)), RNG.normal(size=(5, 2)), RNG.normal(size=(5, 2))
    d_output = RNG.normal(size=(4, 6))
    found = attncli.attend(queries, keys, values, heads=(3, 1)).gradients(d_output)
    each = attncli.attend(queries, np.tile(keys, 3), np.tile(values, 3), heads=3).gradients(d_output)
    np.testing.assert_allclose(found.d_queries, each.d_queries)
    np.testing.assert_allclose(found.d_keys, each.d_keys.reshape(5, 3, 2).sum(axis=1))
    np.testing.assert_allclose(found.d_values, each.d_values.reshape(5, 3, 2).sum(axis=1))

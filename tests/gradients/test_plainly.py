"""Gradients against loops that share no code with the engine, and against published numbers."""

import math

import numpy as np

import attncli

RNG = np.random.default_rng(1717)


def test_gradients_of_two_queries_and_two_keys_are_the_published_ones():
    result = attncli.attend([[0.1, 0.2], [0.3, 0.4]], [[0.5, 0.6], [0.7, 0.8]], [[0.9, 1.0], [1.1, 1.2]])
    found = result.gradients([[0.01, 0.02], [0.03, 0.04]])
    np.testing.assert_allclose(found.d_queries, [[2.12037e-4] * 2, [4.93764e-4] * 2], rtol=5e-6)
    np.testing.assert_allclose(found.d_keys, [[-8.46664e-4, -1.19956e-3], [8.46664e-4, 1.19956e-3]], rtol=5e-6)
    np.testing.assert_allclose(found.d_values, [[0.0191521, 0.0287988], [0.0208479, 0.0312012]], rtol=5e-6)


def test_gradients_of_identity_matrices_are_the_published_ones():
    result = attncli.attend(np.eye(2, 4), np.eye(3, 4), np.arange(1.0, 13).reshape(3, 4))
    found = result.gradients(np.eye(2, 4))
    np.testing.assert_allclose(found.d_queries, [[-0.74, 0.10, 0.65, 0], [-0.55, 0, 0.55, 0]], atol=0.005)
    np.testing.assert_allclose(found.d_values, [[0.45, 0.27, 0, 0], [0.27, 0.45, 0, 0], [0.27, 0.27, 0, 0]], atol=0.005)


def test_gradients_are_those_of_a_quadruple_loop():
    q, k, v, d_output = (RNG.normal(size=shape) for shape in ((4, 3), (5, 3), (5, 2), (4, 2)))
    scale = 1 / math.sqrt(3)
    d_q, d_k, d_v = np.zeros_like(q), np.zeros_like(k), np.zeros_like(v)
    for i in range(4):
        powers = [math.exp(scale * sum(q[i, c] * k[j, c] for c in range(3))) for j in range(5)]
        weights = [power / sum(powers) for power in powers]
        for j in range(5):
            for e in range(2):
                d_v[j, e] += weights[j] * d_output[i, e]
                for other in range(5):  # the weight of each other key moves with this score
                    moved = weights[other] * ((other == j) - weights[j])
                    for c in range(3):
                        d_q[i, c] += d_output[i, e] * v[other, e] * moved * scale * k[j, c]
                        d_k[j, c] += d_output[i, e] * v[other, e] * moved * scale * q[i, c]
    found = attncli.attend(q, k, v).gradients(d_output)
    for name, right in (("d_queries", d_q), ("d_keys", d_k), ("d_values", d_v)):
        np.testing.assert_allclose(found.array(name), right, rtol=1e-12, atol=1e-14)

"""Requests over every variant, stage and setting, small enough for an oracle."""

import numpy as np

N, M, D, D_V, HEADS = 5, 6, 4, 3, 2
RNG = np.random.default_rng(17)
KEEP = RNG.random((N, M)) < 0.7
KEEP[:, 0] = True
KEPT = RNG.random((HEADS, N, M)) < 0.7
V_A = RNG.normal(size=D)

CASES = {
    "scaled": {},
    "dot": {"variant": "dot"},
    "laplace": {"variant": "laplace"},
    "gaussian": {"variant": "gaussian"},
    "cosine": {"variant": "cosine"},
    "additive": {"variant": "additive"},
    "additive with weights": {"variant": "additive", "v_a": V_A, "causal": True},
    "qk-norm, rope and additive": {"qk_norm": "l2", "rope": "half", "variant": "additive", "v_a": V_A, "scale": 2.5},
    "uniform": {"variant": "uniform"},
    "laplace with a length": {"variant": "laplace", "length_scale": 0.6},
    "gaussian with a length": {"variant": "gaussian", "length_scale": 1.7},
    "a scale": {"scale": 0.3},
    "a scale per head": {"scale": [0.3, 2.0]},
    "causal": {"causal": True},
    "a window and an offset": {"window": (1, 1), "query_offset": 1},
    "a window that keeps the first": {"window": (1, 0), "keep_first": 1},
    "a prefix under causal": {"causal": True, "prefix": 3},
    "chunks": {"chunk": 4, "align": "bottom-right"},
    "segments": {"segments": [0, 0, 1, 1, 2], "key_segments": [0, 1, 1, 0, 2, 2]},
    "key lengths": {"key_lengths": 4},
    "the other corner": {"causal": True, "align": "bottom-right"},
    "a mask": {"mask": KEEP},
    "softcap": {"softcap": 0.7},
    "softcap after the bias": {"softcap": 0.7, "softcap_after_bias": True},
    "alibi": {"alibi": [0.25, 0.5]},
    "alibi under a late softcap": {"alibi": [0.25, 0.5], "softcap": 0.7, "softcap_after_bias": True},
    "rope by halves": {"rope": "half", "query_offset": 1},
    "rope interleaved": {"rope": "interleaved"},
    "rope of some columns": {"rope": "half", "rope_base": 100.0, "rope_dims": 2, "rope_scale": 3.0},
    "qk-norm l2": {"qk_norm": "l2"},
    "qk-norm rms and rope": {"qk_norm": "rms", "rope": "half"},
    "qk-norm, rope and cosine": {"qk_norm": "rms", "rope": "half", "variant": "cosine"},
    "a sink": {"sink": 0.5},
    "a sink per head": {"sink": [0.5, -1.0]},
    "sparsemax": {"normalizer": "sparsemax"},
    "entmax15": {"normalizer": "entmax15", "scale": 2.0},
    "sigmoid": {"normalizer": "sigmoid"},
    "tanh": {"normalizer": "tanh"},
    "no normalizer": {"normalizer": "none", "causal": True},
    "sparsemax under a mask": {"normalizer": "sparsemax", "mask": KEEP},
    "top 2": {"top_k": 2},
    "dropout": {"dropout": 0.3, "dropout_mask": KEPT},
    "dropout after a sink": {"dropout": 0.3, "dropout_mask": KEPT, "sink": 0.2},
    "dropout after sparsemax": {"dropout": 0.3, "dropout_mask": KEPT, "normalizer": "sparsemax"},
}

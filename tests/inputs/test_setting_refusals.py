"""What attend refuses of settings, whole messages."""

from __future__ import annotations

import numpy as np
import pytest
from refusals import KEYS, QUERIES, Bad, by_sentence, inf, nan, refuse, zeros

from attncli.inputs.scale import FORM

SETTINGS = [
    Bad(
        "a window of one side",
        {"window": (1,)},
        "window: '1' is not LEFT,RIGHT",
        "two whole numbers, as in 2,0; -1 is unbounded",
    ),
    Bad(
        "a window of three sides",
        {"window": (1, 2, 3)},
        "window: '1,2,3' is not LEFT,RIGHT",
        "two whole numbers, as in 2,0; -1 is unbounded",
    ),
    Bad(
        "a window as one number",
        {"window": 5},
        "window: '5' is not LEFT,RIGHT",
        "two whole numbers, as in 2,0; -1 is unbounded",
    ),
    Bad(
        "a window below -1",
        {"window": (-2, 0)},
        "window: '-2,0' goes below -1",
        "-1 is unbounded, 0 is the query's own position",
    ),
    Bad(
        "a window below -1 to the right",
        {"window": (0, -2)},
        "window: '0,-2' goes below -1",
        "-1 is unbounded, 0 is the query's own position",
    ),
    Bad(
        "a window of halves",
        {"window": (1.5, 0)},
        "window: '1.5' is not a whole number",
        None,
    ),
    Bad(
        "a window in words",
        {"window": "a,b"},
        "window: 'a' is not a whole number",
        None,
    ),
    Bad(
        "an empty window",
        {"window": ""},
        "window: '' is not LEFT,RIGHT",
        "two whole numbers, as in 2,0; -1 is unbounded",
    ),
    Bad(
        "a window wider than any matrix",
        {"window": (10**20, 0)},
        "window: 100000000000000000000 is larger than any matrix",
        None,
    ),
    Bad(
        "no head",
        {"heads": 0},
        "heads: '0' has no head",
        None,
    ),
    Bad(
        "no key head",
        {"heads": "8/0"},
        "heads: '8/0' has no head",
        None,
    ),
    Bad(
        "no query head",
        {"heads": "0/2"},
        "heads: '0/2' has no head",
        None,
    ),
    Bad(
        "a negative number of heads",
        {"heads": -1},
        "heads: '-1' is not H or H/KV",
        "as in 8, or 8/2 for 8 query heads and 2 key/value heads",
    ),
    Bad(
        "heads in words",
        {"heads": "many"},
        "heads: 'many' is not H or H/KV",
        "as in 8, or 8/2 for 8 query heads and 2 key/value heads",
    ),
    Bad(
        "half of H/KV",
        {"heads": "2/"},
        "heads: '2/' is not H or H/KV",
        "as in 8, or 8/2 for 8 query heads and 2 key/value heads",
    ),
    Bad(
        "heads as a float",
        {"heads": 1.0},
        "heads: '1.0' is not H or H/KV",
        "as in 8, or 8/2 for 8 query heads and 2 key/value heads",
    ),
    Bad(
        "query heads that key heads do not divide",
        {"heads": (4, 3)},
        "heads: 4 query heads are not a multiple of 3 key/value heads",
        None,
    ),
    Bad(
        "fewer query heads than key heads",
        {"heads": (2, 4)},
        "heads: 2 query heads are not a multiple of 4 key/value heads",
        None,
    ),
    Bad(
        "heads that do not divide the columns",
        {"heads": 2},
        "queries: the 3 columns of queries cannot be split into 2 heads",
        "numbers of heads that divide 3: 1, 3",
    ),
    Bad(
        "heads that do not divide many columns, of which at most 64 are told",
        {"queries": zeros(2, 65), "keys": zeros(4, 65), "heads": 2},
        "queries: the 65 columns of queries cannot be split into 2 heads",
        "numbers of heads that divide 65: 1, 5, 13",
    ),
    Bad(
        "heads that do not divide 64 columns",
        {"queries": zeros(2, 64), "keys": zeros(4, 64), "heads": 3},
        "queries: the 64 columns of queries cannot be split into 3 heads",
        "numbers of heads that divide 64: 1, 2, 4, 8, 16, 32, 64",
    ),
    Bad(
        "heads that do not divide the columns of V",
        {"heads": 3},
        "values: the 2 columns of values cannot be split into 3 heads",
        "numbers of heads that divide 2: 1, 2",
    ),
    Bad(
        "packed keys of another head size",
        {"queries": zeros(3, 8), "keys": zeros(5, 8), "values": None, "heads": "4/2"},
        "keys: a query head has 2 columns, a key head 4 (queries (3, 8) in 4 heads, keys (5, 8) in 2)",
        "keys of 4 columns would fit, or other --heads",
    ),
    Bad(
        "keys of another size in one head",
        {"keys": KEYS[:, :2], "heads": 1},
        "keys: queries have 3 columns, keys have 2 (queries (2, 3), keys (4, 2))",
        "queries and keys need the same number of columns",
    ),
    Bad(
        "a softcap of 0",
        {"softcap": 0},
        "softcap: 0 is not a number above 0",
        None,
    ),
    Bad(
        "a negative softcap",
        {"softcap": -1},
        "softcap: -1 is not a number above 0",
        None,
    ),
    Bad(
        "a softcap of infinity",
        {"softcap": inf},
        "softcap: 'inf' is not a finite number",
        None,
    ),
    Bad(
        "a softcap of NaN",
        {"softcap": nan},
        "softcap: 'nan' is not a finite number",
        None,
    ),
    Bad(
        "a softcap in words",
        {"softcap": "thirty"},
        "softcap: 'thirty' is not a number",
        None,
    ),
    Bad(
        "a softcap with an underscore",
        {"softcap": "1_000"},
        "softcap: '1_000' is not a number: its digits are in groups",
        "type 1000",
    ),
    Bad(
        "a length scale of 0",
        {"variant": "laplace", "length_scale": 0},
        "length_scale: 0 is not a number above 0",
        None,
    ),
    Bad(
        "a negative length scale",
        {"variant": "laplace", "length_scale": -2},
        "length_scale: -2 is not a number above 0",
        None,
    ),
    Bad(
        "a length scale that vanishes when squared",
        {"variant": "gaussian", "length_scale": 1e-200},
        "--length-scale: ℓ = 1e-200 is too small: 1/ℓ² is beyond float64",
        None,
    ),
    Bad(
        "a length scale that overflows when squared",
        {"variant": "gaussian", "length_scale": 1e300},
        "--length-scale: ℓ = 1e+300 is too large: 1/ℓ² is beyond float64",
        None,
    ),
    Bad(
        "a length scale for the dot product",
        {"variant": "dot", "length_scale": 2},
        "--length-scale: dot has no length scale",
        "only laplace and gaussian have; or use --scale",
    ),
    Bad(
        "a length scale without a variant",
        {"length_scale": 2},
        "--length-scale: scaled has no length scale",
        "only laplace and gaussian have; or use --scale",
    ),
    Bad(
        "a length scale beside a scale",
        {"variant": "laplace", "length_scale": 2, "scale": 1},
        "--length-scale: cannot be combined with --scale: both set the scale",
        "leave one out",
    ),
    Bad(
        "a scale without a value",
        {"scale": "1/(dk-3)"},
        "--scale: '1/(dk-3)' has no value at dk = 3",
        None,
    ),
    Bad(
        "a scale that is no number",
        {"scale": "sqrt(1-dk)"},
        "--scale: 'sqrt(1-dk)' has no value at dk = 3",
        None,
    ),
    Bad(
        "a scale beyond float64",
        {"scale": "9**9**9**9"},
        "--scale: '9**9**9**9' is beyond the largest float64",
        None,
    ),
    Bad(
        "a scale beyond float32",
        {"queries": np.float32(QUERIES), "keys": np.float32(KEYS), "values": None, "scale": "1e300"},
        "--scale: the scale 1e+300 is beyond float32",
        "--dtype float64",
    ),
    Bad(
        "a scale that float32 takes for 0",
        {"queries": np.float32(QUERIES), "keys": np.float32(KEYS), "values": None, "scale": "1e-46"},
        "--scale: the scale 1e-46 is beyond float32",
        "--dtype float64",
    ),
    Bad(
        "a length scale beyond float32",
        {"dtype": "float32", "variant": "gaussian", "length_scale": 1e-30},
        "--length-scale: the scale 1e+60 is beyond float32",
        "--dtype float64",
    ),
    Bad(
        "a softcap that float32 takes for infinity",
        {"dtype": "float32", "softcap": 1e39},
        "--softcap: the softcap 1e+39 is beyond float32",
        "--dtype float64",
    ),
    Bad(
        "a softcap that float32 takes for 0",
        {"dtype": "float16", "softcap": 1e-300},
        "--softcap: the softcap 1e-300 is beyond float32",
        "--dtype float64",
    ),
    Bad(
        "a scale that is a list of other than the heads",
        {"scale": [1, 2]},
        "--scale: 2 scales for 1 head",
        "one scale for all, or one per query head",
    ),
    Bad(
        "a scale that is true",
        {"scale": True},
        "scale: invalid scale 'True': 'True' is not known",
        FORM,
    ),
    Bad(
        "an infinite scale",
        {"scale": inf},
        "scale: invalid scale 'inf': 'inf' is not known",
        FORM,
    ),
    Bad(
        "a variant misspelt",
        {"variant": "laplac"},
        "variant: 'laplac' is not a variant",
        "did you mean 'laplace'?",
    ),
    Bad(
        "a variant with a letter too many",
        {"variant": "Scaledd"},
        "variant: 'Scaledd' is not a variant",
        "did you mean 'scaled'?",
    ),
    Bad(
        "a variant that there is not",
        {"variant": "rbf"},
        "variant: 'rbf' is not a variant",
        "did you mean 'gaussian'?",
    ),
    Bad(
        "a variant that no one has",
        {"variant": "quadratic"},
        "variant: 'quadratic' is not a variant",
        "one of: scaled, dot, laplace, gaussian, cosine, additive, uniform",
    ),
    Bad(
        "a dtype misspelt",
        {"dtype": "flaot32"},
        "dtype: 'flaot32' is not a dtype",
        "did you mean 'float32'?",
    ),
    Bad(
        "a dtype of integers",
        {"dtype": "int64"},
        "dtype: 'int64' is not a dtype",
        "one of: float16, bfloat16, float32, float64",
    ),
    Bad(
        "a dtype that is too wide",
        {"dtype": np.longdouble},
        "dtype: 'float128' is not a dtype",
        "did you mean 'float32'?",
    ),
    Bad(
        "a dtype that is none",
        {"dtype": 5},
        "dtype: '5' is not a dtype",
        "one of: float16, bfloat16, float32, float64",
    ),
    Bad(
        "a corner misspelt",
        {"align": "bottom-rigth"},
        "align: 'bottom-rigth' is not a corner",
        "did you mean 'bottom-right'?",
    ),
    Bad(
        "a corner with an underscore",
        {"align": "top_left"},
        "align: 'top_left' is not a corner",
        "did you mean 'top-left'?",
    ),
    Bad(
        "a corner that there is not",
        {"align": "centre"},
        "align: 'centre' is not a corner",
        "one of: top-left, bottom-right",
    ),
    Bad(
        "a corner beside an offset",
        {"align": "top-left", "query_offset": 1},
        "--query-offset: cannot be combined with --align: both set the position of query 0",
        "leave one out",
    ),
    Bad(
        "half an offset",
        {"query_offset": 1.5},
        "query_offset: '1.5' is not a whole number",
        None,
    ),
    Bad(
        "an offset in words",
        {"query_offset": "last"},
        "query_offset: 'last' is not a whole number",
        None,
    ),
    Bad(
        "an offset beyond any matrix",
        {"query_offset": 10**18},
        "query_offset: 1000000000000000000 is larger than any matrix",
        None,
    ),
    Bad(
        "a meaning that a mask has not",
        {"mask_means": "ignore"},
        "mask_means: 'ignore' is not a meaning",
        "did you mean 'drop'?",
    ),
    Bad(
        "causal in words",
        {"causal": "yes"},
        "causal: 'yes' is neither true nor false",
        None,
    ),
    Bad(
        "causal as 2",
        {"causal": 2},
        "causal: 2 is neither true nor false",
        None,
    ),
    Bad(
        "non-finite numbers allowed in words",
        {"allow_nonfinite": "no"},
        "allow_nonfinite: 'no' is neither true nor false",
        None,
    ),
    Bad(
        "an engine that there is not",
        {"engine": "cuda"},
        "engine: 'cuda' is not an engine",
        "one of: auto, numpy, numba",
    ),
]


@pytest.mark.parametrize("case", **by_sentence(SETTINGS))
def test_attend_refuses_settings(case: Bad) -> None:
    refuse(case)

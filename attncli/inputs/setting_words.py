"""What other systems and people call the settings and the other keys of a problem file."""

from __future__ import annotations

from collections.abc import Collection

from attncli.errors import suggest
from attncli.inputs.array_names import letters_of
from attncli.variants import VARIANTS

# by its key, and how it is written where the name alone would not tell
WORDS = {
    ("variant", "NAME, of attncli variants"): (
        *("type", "kind", "attention", "attention type", "attn type", "method", "kernel", "similarity", "score"),
        *("score function", "scoring", "score mode", "alignment"),
    ),
    ("scale", ""): (
        *("softmax scale", "sm scale", "attn scale", "attention scale", "scale factor", "scaling factor", "scaling"),
        "scale qk",
    ),
    ("scale", "S, which is one over the temperature"): ("temperature", "temp", "tau"),
    ("scale", "1/dk, or another expression of dk, which is the number of columns of Q"): (
        *("d k", "d", "head dim", "head size", "dim", "d head", "d model"),
    ),
    ("causal", ""): ("is causal", "causal mask", "use causal mask", "use causal", "autoregressive", "unidirectional"),
    ("mask", "MATRIX, with 1 where a query may attend, or the other way round where mask_means is drop"): (
        *("attn mask", "attention mask", "key padding mask", "src mask"),
        *("padding mask", "pad mask", "query mask", "value mask", "tgt mask", "memory mask", "bool mask"),
    ),
    ("bias", "MATRIX"): (
        *("attn bias", "attention bias", "position bias", "relative position bias", "score bias", "scores bias"),
        "additive mask",
    ),
    ("heads", ""): ("num heads", "n heads", "n head", "h", "num attention heads", "q num heads", "num q heads"),
    ("heads", "H/KV, as in 8/2"): (
        *("num kv heads", "n kv heads", "kv heads", "num key value heads", "kv num heads", "n heads kv", "groups"),
        *("enable gqa", "gqa", "num query groups", "n query groups"),
    ),
    ("window", "L,R, as in 3,0 for a query's own position and 3 keys before it"): (
        *("sliding window", "window size", "sliding window size", "local window", "local window size", "left window"),
        *("window size left", "attention window", "window left", "local attention"),
    ),
    ("softcap", ""): (
        *("softcapping", "logit softcap", "logits soft cap", "logit cap", "attn softcap", "attn logit softcapping"),
        *("soft cap", "tanh cap"),
    ),
    ("sink", ""): ("sinks", "attention sink", "attention sinks", "attn sink", "s aux", "softmax sink", "sink logit"),
    ("rope", "half|interleaved"): ("rotary", "rotary embedding", "rotary emb", "rope type", "positional encoding"),
    ("rope_base", ""): ("rope theta", "theta", "rotary base", "rotary emb base"),
    ("rope_dims", ""): ("rotary dim", "rotary dims", "rotary ndims", "rope dim", "rotary embedding dim"),
    ("rope_scale", ""): ("rope factor", "rope scaling", "rotary scale", "scaling type"),
    ("alibi", "usual"): ("use alibi", "linear bias"),
    ("alibi", "SLOPES"): ("alibi slopes", "slopes"),
    ("query_offset", ""): (
        *("offset", "cache position", "position ids", "positions", "start pos", "past length", "q offset", "kv offset"),
        "past kv len",
    ),
    ("key_lengths", ""): (
        *("seqlens", "lengths", "kv lengths", "seqlens k", "sequence lengths", "valid lens", "kv len"),
        *("nonpad kv seqlen", "context lens", "cache seqlens", "valid length", "key length"),
    ),
    ("segments", "IDS, one for each position"): (
        *("cu seqlens", "cu seqlens q", "cu seqlens k", "segment ids", "document ids", "sequence ids", "doc ids"),
    ),
    ("qk_norm", "l2|rms"): ("use qk norm", "qk layernorm", "qk norm type", "normalize qk"),
    ("normalizer", "NAME"): ("softmax", "activation", "normaliser", "normalization", "softmax type"),
    ("top_k", ""): ("k top", "topk keys", "num keys"),
    ("dropout", ""): ("dropout p", "dropout rate", "attn dropout", "attention dropout", "p dropout"),
    ("as", "SYSTEM"): ("system", "framework", "library", "convention", "conventions", "backend"),
    ("dtype", ""): ("data type", "element type"),
    ("x", "MATRIX"): (
        *("input", "inputs", "embedding", "embeddings", "hidden states", "hidden", "token embeddings", "data"),
    ),
    ("context", "MATRIX"): ("memory", "encoder hidden states", "encoder output", "encoder outputs", "key value states"),
    ("labels", "{queries: […], keys: […]}"): (
        *("tokens", "token", "words", "names", "row labels", "column labels", "sentence", "text", "vocab"),
    ),
    ("expected", "{weights: […], output: […]}"): (
        *("expect", "answer", "answers", "solution", "solutions", "result", "results", "given", "handed in", "target"),
        *("expected output", "expected weights", "expected scores", "student", "my answer", "correct"),
    ),
    ("digits", ""): ("precision", "decimals", "round", "rounding", "decimal places"),
    ("title", ""): ("name", "description", "comment", "comments", "note", "notes", "task", "question", "id"),
    ("source", ""): ("author", "url", "link", "reference", "date", "origin"),
}
VALUES = {  # what the choices of settings, and the results, are called elsewhere
    **{variant.name: variant.other_names for variant in VARIANTS},
    "half": ("neox", "gpt neox", "llama", "rotate half", "hf", "non interleaved"),
    "interleaved": ("gptj", "normal", "original", "roformer", "rotate every two", "complex", "adjacent"),
    "rms": ("rms norm", "qwen3"),
    "l2": ("l2 norm", "euclidean norm"),
    "top-left": ("upper left", "left", "top"),
    "bottom-right": ("lower right", "right", "bottom"),
    "keep": ("attend", "allow", "visible", "valid"),
    "drop": ("ignore", "hide", "masked", "pad", "padding"),
    "heads-first": ("bhsd", "bhnd", "bnsd", "nhtd", "hnd", "hsd", "bhtd", "bhld"),
    "heads-last": ("bshd", "bnhd", "bsnd", "nthd", "nhd", "shd", "bthd", "blhd"),
    "float16": ("fp16", "half precision", "f16", "torch float16", "np float16", "torch half"),
    "bfloat16": ("bf16", "torch bfloat16", "brain float"),
    "float32": ("fp32", "f32", "single", "float", "torch float32", "torch float", "np float32"),
    "float64": ("fp64", "f64", "double", "torch float64", "torch double", "np float64"),
    "torch": ("pytorch", "sdpa torch"),
    "torch-mha": ("multihead attention", "nn multihead attention", "torch nn", "mha"),
    "onnx": ("onnx runtime", "ort"),
    "jax": ("flax", "jax nn", "xla"),
    "keras": ("tensorflow", "tf", "tf keras"),
    "flash-attn": ("flash", "flash attention", "fa2", "fa3", "flash attn 2"),
    "transformers": ("huggingface",),
    "mlx": ("apple",),
    "sklearn": ("scikit learn",),
    "raw_scores": ("raw", "qk", "qkt", "products", "dot products", "unscaled scores", "similarities"),
    "scores": ("s", "score", "logits", "scaled scores", "scaled", "scores scaled", "masked scores", "attn scores"),
    "weights": (
        *("a", "p", "attn", "attention", "attention weights", "attn weights", "probs", "probabilities", "alpha"),
        *("alphas", "softmax", "attention matrix", "attention probs", "attn probs"),
    ),
    "output": ("o", "z", "out", "y", "context", "context vector", "context vectors", "attn output", "attention output"),
    "lse": ("logsumexp", "softmax lse", "logits lse"),
    "d_queries": ("dq", "grad q", "q grad", "grad queries", "grad query", "query grad"),
    "d_keys": ("dk", "grad k", "k grad", "grad keys", "grad key", "key grad"),
    "d_values": ("dv", "grad v", "v grad", "grad values", "grad value", "value grad"),
    "d_scores": ("ds", "grad s", "grad scores", "dlogits"),
    "d_weights": ("dp", "da", "grad p", "grad weights", "dprobs", "dattn"),
    "d_bias": ("dbias", "grad bias", "bias grad", "dattn bias"),
}
_MEANT = {letters_of(word): key for key, words in WORDS.items() for word in words}
_CHOSEN = {letters_of(word): value for value, words in VALUES.items() for word in words}


def key_meant(word: str) -> tuple[str, str] | None:
    """Return the key that another word means, and its value's form if the key alone would not tell, or None."""
    return _MEANT.get(letters_of(word))


def suggest_value(word: str, choices: Collection[str], cure: str | None = None) -> str:
    """Return the hint for a word that is none of the choices of a setting, or none of the results.

    It is the one that the word means elsewhere, or else `cure`, or the nearest one.
    """
    letters = letters_of(word.replace(".", " "))
    meant = _CHOSEN.get(letters) or _CHOSEN.get(letters.removesuffix("attention"))
    return f"did you mean {meant!r}?" if meant in choices else cure or suggest(word, choices)

"""Attention in torch, plain and slow, from the request alone: autograd gives the gradients to compare with."""

import math

import torch


def positions_of(n, m, request):
    corner = {"top-left": 0, "bottom-right": m - n}[request.get("align", "top-left")]
    return torch.arange(n) + request.get("query_offset", corner), torch.arange(m)


def may_attend(n, m, request):
    """(n, m) booleans by position."""
    p, j = (axis.reshape(shape) for axis, shape in zip(positions_of(n, m, request), ((-1, 1), (1, -1)), strict=True))
    allowed = torch.ones(n, m, dtype=torch.bool)
    if request.get("causal"):
        allowed &= j <= p
    left, right = request.get("window", (-1, -1))
    if left >= 0:
        allowed &= (j >= p - left) | (j < request.get("keep_first", 0))
    if right >= 0 and not request.get("causal"):
        allowed &= j <= p + right
    allowed |= j < request.get("prefix", 0)
    if (size := request.get("chunk")) is not None:
        allowed &= p.div(size, rounding_mode="floor") == j.div(size, rounding_mode="floor")
    if (own := request.get("segments")) is not None:
        allowed &= torch.as_tensor(own)[:, None] == torch.as_tensor(request.get("key_segments", own))
    return allowed & (j < request.get("key_lengths", m))


def turn(rows, positions, kind, base=10000.0, size=None, factor=1.0):
    """Rotate the first `size` columns by positions over `factor`."""
    d = size or rows.shape[-1]
    rows, others = rows[..., :d], rows[..., d:]
    positions = positions.to(rows.dtype) / factor
    angles = positions[:, None] * base ** (-2 * torch.arange(d // 2, dtype=rows.dtype) / d)
    first, second = (rows[..., : d // 2], rows[..., d // 2 :]) if kind == "half" else (rows[..., ::2], rows[..., 1::2])
    a, b = first * angles.cos() - second * angles.sin(), first * angles.sin() + second * angles.cos()
    turned = torch.cat((a, b), -1) if kind == "half" else torch.stack((a, b), -1).flatten(-2)
    return torch.cat((turned, others), -1)


def norm(rows, kind):
    length = rows.norm(dim=-1, keepdim=True)
    return rows / length * (math.sqrt(rows.shape[-1]) if kind == "rms" else 1)


def raw_scores(q, k, variant, v_a=1.0):
    q, k = q[..., :, None, :], k[..., None, :, :]
    if variant in ("scaled", "dot"):
        return (q * k).sum(-1)
    if variant == "laplace":
        return -(q - k).abs().sum(-1)
    if variant == "gaussian":
        return -(q - k).square().sum(-1) / 2
    if variant == "cosine":
        return (q * k).sum(-1) / (q.norm(dim=-1) * k.norm(dim=-1))
    if variant == "additive":
        return (v_a * torch.tanh(q + k)).sum(-1)
    return (q * k).sum(-1) * 0


def sparsemax(scores):
    ordered = scores.sort(-1, descending=True).values
    counts = torch.arange(1, scores.shape[-1] + 1, dtype=scores.dtype)
    finite = torch.where(ordered.isinf(), torch.full_like(ordered, -1e9), ordered)
    inside = 1 + counts * finite > finite.cumsum(-1)
    size = inside.sum(-1, keepdim=True).clamp(min=1)
    tau = ((finite * inside).sum(-1, keepdim=True) - 1) / size
    return (scores - tau).clamp(min=0)


def entmax15(scores):
    x = scores / 2
    with torch.no_grad():  # which keys have a weight
        low, high = x.max(-1, keepdim=True).values - 1, x.max(-1, keepdim=True).values
        for _ in range(80):
            middle = (low + high) / 2
            above = (x - middle).clamp(min=0).square().sum(-1, keepdim=True) > 1
            low, high = torch.where(above, middle, low), torch.where(above, high, middle)
        inside = x > low
    size = inside.sum(-1, keepdim=True)
    kept = torch.where(inside, x, torch.zeros_like(x))
    mean = kept.sum(-1, keepdim=True) / size
    squares = kept.square().sum(-1, keepdim=True) / size
    tau = mean - ((1 - size * (squares - mean.square())) / size).sqrt()
    return torch.where(inside, (x - tau).square(), torch.zeros_like(x))


def normalize(scores, request):
    kind = request.get("normalizer", "softmax")
    hidden = scores.isinf()
    if kind == "softmax":
        sink = request.get("sink")
        if sink is None:
            return scores.softmax(-1)
        column = torch.as_tensor(sink, dtype=scores.dtype).reshape(-1, 1, 1).expand(*scores.shape[:-1], 1)
        return torch.cat((scores, column), -1).softmax(-1)[..., :-1]
    if kind == "sparsemax":
        return sparsemax(scores)
    if kind == "entmax15":
        return entmax15(scores)
    safe = scores.masked_fill(hidden, 0.0)
    return {"sigmoid": torch.sigmoid, "tanh": lambda s: 1 + s.tanh(), "none": lambda s: s}[kind](safe).masked_fill(
        hidden, 0.0
    )


def attend(q, k, v, request, bias=None):
    """(output, weights, scores) of (…, n, d), (…, m, d), (…, m, d_v); the weights and scores keep their gradients."""
    n, m = q.shape[-2], k.shape[-2]
    p, j = positions_of(n, m, request)
    variant = request.get("variant", "scaled")
    if kind := request.get("qk_norm"):
        q, k = norm(q, kind), norm(k, kind)
    if kind := request.get("rope"):
        rest = request.get("rope_base", 10000.0), request.get("rope_dims"), request.get("rope_scale", 1.0)
        q, k = turn(q, p, kind, *rest), turn(k, j, kind, *rest)
    usual = 1 / math.sqrt(q.shape[-1]) if variant == "scaled" else 1.0
    if (length := request.get("length_scale")) is not None:
        usual = {"laplace": 1 / length, "gaussian": 1 / length**2}[variant]
    scale = torch.as_tensor(request.get("scale", usual), dtype=q.dtype)
    scale = scale[:, None, None] if scale.ndim else scale
    scores = raw_scores(q, k, variant, torch.as_tensor(request.get("v_a", 1.0))) * scale
    cap, late = request.get("softcap"), request.get("softcap_after_bias")
    if cap and not late:
        scores = cap * torch.tanh(scores / cap)
    if slopes := request.get("alibi"):
        slope = torch.as_tensor(slopes, dtype=q.dtype).reshape(-1, 1, 1)
        scores = scores - slope * (p[:, None] - j[None, :]).abs()
    if bias is not None:
        scores = scores + bias
    if cap and late:
        scores = cap * torch.tanh(scores / cap)
    allowed = may_attend(n, m, request)
    if (mask := request.get("mask")) is not None:
        allowed = allowed & torch.as_tensor(mask)
    scores = scores.masked_fill(~allowed, -math.inf)
    scores.retain_grad()
    kept = scores
    if top := request.get("top_k"):
        order = scores.argsort(dim=-1, descending=True, stable=True)[..., top:]
        kept = scores.scatter(-1, order, -math.inf)
    weights = normalize(kept, request)
    used = weights
    if (dropped := request.get("dropout_mask")) is not None:
        used = weights * torch.as_tensor(dropped) / (1 - request["dropout"])
    used.retain_grad()
    return used @ v, used, scores

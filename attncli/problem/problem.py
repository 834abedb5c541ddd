"""The `Problem` that `prepare` makes: a calculation that can be done, and its parts as the engine uses them."""

from __future__ import annotations

import math
from dataclasses import field
from typing import TYPE_CHECKING, Any

import numpy as np

from attncli.inputs.scale import split_scales
from attncli.matrix import Array
from attncli.problem.heads import swap_shape
from attncli.problem.shapes import output_shape
from attncli.problem.words import Words
from attncli.records import record, replace
from attncli.stages.normalizers import SOFTMAX, Normalizer
from attncli.stages.row_transforms import Rotation, RowNorm
from attncli.variants import Variant

if TYPE_CHECKING:
    from attncli.problem.origins import Origins, OutputProjection


EMPTY_ROWS = {  # a description of the weights of a query with no key
    "zeros": "0",
    "uniform": "uniform over all keys",
    "nan": "NaN",
    "uniform, output zeros": "uniform over all keys (its output is 0 where the mask leaves it no key)",
    "scores less 1e9": "the softmax of its scores less 1e9",
}
WITH_BIAS = "uniform over the keys that a mask hides, NaN where the bias forbids all"


@record
class Conventions:
    """Differences between systems that are not settings: the row of a query with no key (and what else the system makes
    of it), how heads share a key head, whether apply the softcap after the bias, and whether the bottom right corner is
    that of all keys, whatever their lengths."""

    empty: str = "zeros"  # a key of EMPTY_ROWS
    empty_aside: str | None = None
    grouping: str = "interleaved"  # interleaved: head h reads key head h // r, tiled: h % key heads
    softcap_after_bias: bool = False
    corner_of_all_keys: bool = False


@record
class Visible:
    """Which keys a query may see by its position: key j for query i at p = i + offset if p − left ≤ j ≤ p + right and j
    < length.

    None is unbounded. `lengths` and `offsets` have one entry, or one per entry of the first axis. The first
    `keep_first` keys are seen regardless of `left` and `right`, except that causal (`is_causal`) still requires j ≤ p.
    The first `prefix` keys are always seen. With a `chunk`, both end at the borders of the query's own chunk of
    positions.
    """

    left: int | None = None
    right: int | None = None
    offsets: tuple[int, ...] = (0,)
    lengths: tuple[int, ...] | None = None
    is_causal: bool = False
    keep_first: int = 0
    prefix: int = 0
    chunk: int | None = None

    @property
    def has_order(self) -> bool:
        """Return whether positions forbid anything at all."""
        return self.left is not None or self.right is not None or self.chunk is not None

    @property
    def has_head(self) -> bool:
        """Return whether some keys at the beginning are seen in addition to those of the interval."""
        return bool(self.keep_first or self.prefix) and (self.left is not None or self.right is not None)

    @property
    def is_everything(self) -> bool:
        return not self.has_order and self.lengths is None

    def positions(self, first: int | Array, rows: Array) -> Array:
        """Return the positions of these queries among the keys: (b,), or (p, b) for the parts of a stack."""
        found: Array = rows + _entry(self.offsets, first)
        return found

    def interval(self, first: int | Array, rows: Array, keys: int) -> tuple[Array, Array]:
        """Return the half-open range of keys of each of `rows`, as (starts, stops).

        `first` is the index on axis 0, or one index for each part of a stack: (p,) and (b,) give (p, b) twice.
        """
        positions, length = self.positions(first, rows), self._length(first, keys)
        starts = np.zeros_like(positions) if self.left is None else np.clip(positions - self.left, 0, length)
        stops = np.zeros_like(positions) + length
        if self.right is not None:
            stops = np.clip(positions + self.right + 1, 0, length)
        return self._within_chunk(positions, starts, stops)

    def head(self, first: int | Array, rows: Array, keys: int) -> tuple[Array, Array]:
        """Return the half-open range of the keys at the beginning that each of `rows` sees in addition to its
        interval."""
        positions, length = self.positions(first, rows), self._length(first, keys)
        kept = np.full_like(positions, self.keep_first)
        if self.is_causal:
            kept = np.minimum(kept, positions + 1)
        stops = np.clip(np.maximum(kept, self.prefix), 0, length)
        return self._within_chunk(positions, np.zeros_like(positions), stops)

    def _length(self, first: int | Array, keys: int) -> int | Array:
        return _entry((keys,) if self.lengths is None else self.lengths, first)

    def _within_chunk(self, positions: Array, starts: Array, stops: Array) -> tuple[Array, Array]:
        if self.chunk is not None:
            low = positions // self.chunk * self.chunk
            starts, stops = np.maximum(starts, low), np.minimum(stops, low + self.chunk)
        return starts, np.maximum(starts, stops)


def _entry(numbers: tuple[int, ...], first: int | Array) -> int | Array:
    """Return the number for this index on the first axis, or a column of numbers for several indices."""
    if len(numbers) == 1:
        return numbers[0] if isinstance(first, int) else np.full((len(first), 1), numbers[0])
    return numbers[first] if isinstance(first, int) else np.array(numbers)[first, None]


@record
class Part:
    """One head of one batch entry, as arrays of two axes. The engine stacks several small parts along a new first axis.

    `mask` is True where a query may attend.
    """

    queries: Array
    keys: Array
    values: Array | None
    mask: Array | None
    bias: Array | None
    first: int | Array  # the index on the first leading axis (one for each part of a stack), for key lengths
    head: int | Array = 0  # the query head (one for each part of a stack)
    dropout_mask: Array | None = None
    given_keys: Array | None = None  # with the non-finite keys that are masked for every query


@record(kw_only=True)
class Problem:
    """A calculation that can be done.

    queries (*lead, n, d_k), keys (*key_lead, m, d_k) and values (*key_lead, m, d_v), where key_lead differs from lead
    only in the number of heads. All are in the computing dtype. `dtype` is the dtype of the results. The `words` are
    made from the numbers, which do not depend on them.
    """

    queries: Array
    keys: Array
    values: Array | None
    mask: Array | None
    bias: Array | None
    variant: Variant
    scale: float
    scale_text: str
    length_scale: float | None
    softcap: float | None
    visible: Visible
    conventions: Conventions
    lead: tuple[int, ...]
    key_heads: int | None
    packed: bool
    dtype: np.dtype
    is_finite: bool
    output_projection: OutputProjection | None = None
    row_norm: RowNorm | None = None
    rotation: Rotation | None = None
    slopes: tuple[float, ...] | None = None
    segments: tuple[Array, Array] | None = None  # the ids of the queries and of the keys, (1 or entries, n) and (…, m)
    sink: tuple[float, ...] | None = None
    normalizer: Normalizer = SOFTMAX
    top_k: int | None = None
    dropout: float = 0.0
    dropout_mask: Array | None = None
    given_keys: Array | None = None  # the keys before those that are masked for every query were made finite
    head_scales: tuple[float, ...] | None = None  # one per query head; `scale` is then the largest in size
    heads_last: tuple[str, ...] = ()  # inputs and results that users have as (…, n, heads, d)
    origins: Origins | None = None
    d_output: Array | None = None  # the gradient at the output, in its shape with the heads first
    words: Words = field(default_factory=Words)

    @property
    def n(self) -> int:
        return int(self.queries.shape[-2])

    @property
    def m(self) -> int:
        return int(self.keys.shape[-2])

    @property
    def d_k(self) -> int:
        return int(self.queries.shape[-1])

    @property
    def d_v(self) -> int | None:
        return None if self.values is None else int(self.values.shape[-1])

    @property
    def heads(self) -> int:
        """Return the number of query heads, which the last of the leading axes counts."""
        return self.lead[-1] if self.lead else 1

    @property
    def scales(self) -> float | Array:
        """Return the factor of raw scores (*lead, n, m): the scale, or (heads, 1, 1) of them."""
        return self.scale if self.head_scales is None else over_heads(self.head_scales)

    def scale_at(self, head: int | Array) -> float | Array:
        """Return the factor of the raw scores of this head, or (p, 1, 1) of them for the parts of a stack."""
        if self.head_scales is None:
            return self.scale
        found = at_head(self.head_scales, head)
        return float(found) if np.ndim(found) == 0 else np.asarray(found)[..., None]

    def with_scale(self, scale: float, text: str | None = None) -> Problem:
        """Return the problem with another scale, the same for all heads."""
        return replace(self, scale=scale, scale_text=text or f"{scale:.6g}", head_scales=None)

    @property
    def empty_row(self) -> str:
        """Return a description of the weights of a query with no key."""
        rule = self.conventions.empty
        return WITH_BIAS if rule.startswith("uniform") and self.bias is not None else EMPTY_ROWS[rule]

    @property
    def is_transformed(self) -> bool:
        """Return whether the rows of Q and K are changed before they are scored, by a norm or by rotary positions."""
        return self.row_norm is not None or self.rotation is not None

    @property
    def needs_whole_rows(self) -> bool:
        """Return whether the weights of a row depend on its scores in other ways than through their sum."""
        return self.top_k is not None or self.normalizer.weights is not None

    @property
    def shares_one(self) -> bool:
        """Return whether the weights of a query that has a key sum to 1."""
        return self.normalizer.sums_to_one and self.sink is None and self.dropout_mask is None

    @property
    def is_joined(self) -> bool:
        """Return whether the outputs of the heads become one matrix again: packed side by side, or projected."""
        return self.packed or self.output_projection is not None

    @property
    def parts(self) -> int:
        """Return the number of two-axis problems: the product of the leading axes."""
        return math.prod(self.lead)

    def part(self, number: int) -> Part:
        """Return the two-axis problem at this position (C order) of the leading axes."""
        index, key_index = self.index(number), self.key_index(number)
        return Part(
            queries=self.queries[index],
            keys=self.keys[key_index],
            values=None if self.values is None else self.values[key_index],
            mask=None if self.mask is None else self.mask[index],
            bias=None if self.bias is None else self.bias[index],
            first=index[0] if index else 0,
            head=index[-1] if index else 0,
            dropout_mask=None if self.dropout_mask is None else self.dropout_mask[index],
            given_keys=None if self.given_keys is None else self.given_keys[key_index],
        )

    def index(self, number: int) -> tuple[int, ...]:
        """Return the index of part `number` on the leading axes."""
        found = []
        for size in reversed(self.lead):
            number, place = divmod(number, size)
            found.append(place)
        return tuple(reversed(found))

    def key_index(self, number: int) -> tuple[int, ...]:
        """Return the index on the leading axes of the keys and values that part `number` reads."""
        index = self.index(number)
        return index if self.key_heads is None else (*index[:-1], self.key_head(index[-1]))

    def key_head(self, head: int) -> int:
        """Return the key/value head that a query head reads."""
        assert self.key_heads is not None
        if self.conventions.grouping == "tiled":
            return head % self.key_heads
        return head // (self.lead[-1] // self.key_heads)

    def repeat_key_heads(self, array: Array) -> Array:
        """Return an array of the keys' heads (…, key_heads, m, d) with the one of each query head (…, heads, m, d)."""
        if self.key_heads is None:
            return array
        return np.take(array, [self.key_head(head) for head in range(self.heads)], axis=-3)

    def isolate_part(self, number: int) -> Problem:
        """Return part `number` as a problem of its own, without leading axes."""
        part, visible = self.part(number), self.visible
        own = replace(
            visible,
            offsets=(visible.offsets[part.first if len(visible.offsets) > 1 else 0],),
            lengths=visible.lengths and (visible.lengths[part.first if len(visible.lengths) > 1 else 0],),
        )
        return replace(
            self,
            queries=part.queries,
            keys=part.keys,
            values=part.values,
            mask=part.mask,
            bias=part.bias,
            dropout_mask=part.dropout_mask,
            given_keys=part.given_keys,
            slopes=self.slopes and (at_head(self.slopes, part.head),),
            **self._own_scale(part.head),
            sink=self.sink and (at_head(self.sink, part.head),),
            segments=self.segments
            and (at_entry(self.segments[0], part.first)[None], at_entry(self.segments[1], part.first)[None]),
            visible=own,
            lead=(),
            key_heads=None,
            packed=False,
            heads_last=(),
            output_projection=None,
            d_output=None,
        )

    def take_rows(self, rows: range) -> Problem:
        """Return the problem with only these neighbouring queries, which keep their positions."""
        if rows == range(self.n):
            return self
        place, visible, segments = slice(rows.start, rows.stop), self.visible, self.segments
        tables = {name: getattr(self, name) for name in ("queries", "mask", "bias", "dropout_mask")}
        own: dict[str, Any] = {name: table if table is None else table[..., place, :] for name, table in tables.items()}
        return replace(
            self,
            **own,
            visible=replace(visible, offsets=tuple(offset + rows.start for offset in visible.offsets)),
            segments=segments and (segments[0][..., place], segments[1]),
            d_output=None,
        )

    def _own_scale(self, head: int | Array) -> dict[str, Any]:
        if self.head_scales is None or not isinstance(head, int):
            return {}
        texts = split_scales(self.scale_text) or (self.scale_text,)
        text = texts[head if len(texts) > 1 else 0]
        return {"scale": at_head(self.head_scales, head), "scale_text": text, "head_scales": None}

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the public shape of every input and result."""
        lead, n = self.lead, self.n
        shapes = {
            "queries": self.queries.shape,
            "keys": self.keys.shape,
            **({} if self.values is None else {"values": self.values.shape}),
            "raw_scores": (*lead, n, self.m),
            "scores": (*lead, n, self.m),
            "weights": (*lead, n, self.m),
            "lse": (*lead, n),
        }
        if self.d_v is not None:
            shapes["output"] = output_shape(lead, n, self.d_v, self.packed, self.output_projection)
        if self.d_output is not None and self.origins is not None:
            shapes |= self.origins.gradient_shapes(shapes["weights"], self.output_projection)
        for name in self.heads_last:
            if name in shapes:
                shapes[name] = swap_shape(shapes[name])
        return shapes


def at_head(numbers: tuple[float, ...], head: int | Array) -> Any:
    """Return the number of this head: one for all, or one per head, or a column (p, 1) for the parts of a stack."""
    if isinstance(head, int):
        return numbers[head if len(numbers) > 1 else 0]
    return np.array(numbers)[head if len(numbers) > 1 else np.zeros_like(head), None]


def over_heads(numbers: tuple[float, ...]) -> float | Array:
    """Return what these numbers are to rows (*lead, n, m): one for all, or (heads, 1, 1) of them."""
    return numbers[0] if len(numbers) == 1 else np.array(numbers)[:, None, None]


def at_entry(ids: Array, first: int | Array) -> Array:
    """Return the row (n,) of this entry on the first axis, or the rows (p, n) of several entries. There may be one row
    for all entries."""
    found: Array = ids[first if len(ids) > 1 else np.zeros_like(first)]
    return found

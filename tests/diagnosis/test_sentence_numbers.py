"""Every number of every slip's sentence is read back and held against the problem that it is about."""

import re
import warnings

import numpy as np
import pytest
from diagnosis import judged
from diagnosis.made_cases import make_worlds
from diagnosis.made_slips import SLIPS

from attncli.check import check

# what is written with digits and is no number of the problem
FIXED = re.compile(
    r"‖₂²( / 2)?|2\^score|2\^\([^)]*\)|e⁰ = 1|row (of weights )?sums to 1|sums to 1|log 2 = 0\.693147|1 − p|"
    r"bfloat16 is, which keeps 8 |float(16|32|64)|TF32|base 2|key head [01]|uniform, 0|\(h \+ 1\)|a score of 0|by l2|"
    r"numbers 0 and 1|1 where|0, 1, …, 0, 1|\([H3, d]+\)|--as .*|of score 0|and 0 is expected|heads 0 to|1/√|"
    r"taken as 0(?![.\d])|l2 (does not|is expected)|of head 0|\(1 − P\)|weights sum to 1|1 over the|"
    r"became weights by .*:|log 2,|powers of 2|2\^−h, |e = 2\.71828|the sum of row 0|: key 0 has|: 1 is a weight|"
    r"1 [−+] tanh²?|1 − \([^)]*\)|times log 2, as if they were to base 2|"
    r"1 \+ s( \+ s²/2)?( \+ s³/6)? was|elu\(x\) \+ 1|max\(x, 0\)|"
    r"int4 with|log\(p \+ 2\)|√\(p \+ 1\)|1/\(p \+ 1\)"
)


def near(one, two):
    return one == pytest.approx(float(two), rel=1e-3)


def whole(*numbers):
    return tuple(map(float, numbers))


SEED = 0


def padded(wrong):
    return getattr(wrong, "padded", 1)  # a sink of 0 is a key of score 0


def visible(world):
    return np.broadcast_to(world.seen(), (*world.lead, world.n, world.m))


def hidden(right):
    return whole((~visible(right)).sum(), visible(right).size)


def empty_rows(right):
    rows = np.argwhere(~np.broadcast_to(right.seen(), (*right.lead, right.n, right.m)).any(axis=-1))
    return whole(len(rows), *rows[0])


def first_bias(right):
    at = np.argwhere(right.bias != 0)[0]
    shape = (*[0] * len(right.lead), *at)
    return whole(right.bias[tuple(at)], *shape)


def negative(right):
    scores = right.answer()["scores"]
    return whole(((scores < 0) & np.isfinite(scores)).sum(), scores.size)


def largest_hidden(right, wrong):
    kept = np.where(visible(right), 0, wrong.answer()["weights"])
    return (kept.max(), *np.unravel_index(kept.argmax(), kept.shape))


def one_score(right, wrong):
    query, key = wrong.cell
    due = right.answer()["scores"][wrong.cell]
    taken = due + wrong.change
    return query, taken, key, np.exp(taken), due, np.exp(due)


def one_sum(right, wrong):
    total = np.exp(right.answer()["scores"][wrong.cell[0]]).sum()
    return wrong.cell[0], total / 0.8, total


def unasked(right, wrong, *number):
    masked = visible(right) & ~visible(wrong)
    return whole(masked.sum(), *number, *np.argwhere(masked)[0])


def sides(wrong):
    before, after = wrong.window
    return whole(before, *([after] if after else ()), before, after)


def kept_run(right, wrong):
    return whole(*sorted({wrong.run[0], wrong.run[-1]}), right.m)


def output_shape(right):
    return whole(*((right.n, right.heads * right.d_v) if right.packed else (*right.lead, right.n, right.d_v)))


def offsets(right):
    return whole(abs(right.offset)) if right.offset else ()


def tile(wrong):
    return whole(*sorted({wrong.tile[0], wrong.tile[-1]}))


def places(wrong, right):
    """Where the queries are taken to stand and where they do, as they are written: "i + 1", "i"."""
    return whole(*(abs(at) for at in (getattr(wrong, "at", wrong.offset), right.offset) if at))


def pages(right, wrong):
    sizes = [size for size in (2, 4) if wrong.length_of_keys in (right.length_of_keys // size * size,
             min(-(-right.length_of_keys // size) * size, right.m)) and size < right.m]  # fmt: skip
    return whole(wrong.length_of_keys, *sizes)


def overflown(right, wrong):
    sums = np.exp(right.answer()["scores"]).sum(axis=-1)
    return whole(*([count] if (count := (sums > wrong.most).sum()) > 1 else ()), wrong.most)


def off_by_one(right, wrong):
    name = next(name for name in ("prefix", "keep_first", "chunk") if getattr(right, name))
    return whole(getattr(wrong, name), getattr(right, name))


# a part of a sentence, and the numbers in it from the right and the wrong way through the problem
FACTS = {
    r"the {n} keys before .* and (?:{n}|none) after: none is asked for \(--window {n},{n}\)": lambda _, w: sides(w),
    r"the root of all heads' {n} columns|all heads' {n} columns|/√?{n}\)": lambda r, _: whole(r.heads * r.d),
    r"√d_k = {n}": lambda r, _: (r.d**0.5,),
    r"d_k = {n}": lambda r, _: (r.d,),
    r"the raw scores \S+(?: / 2)? were multiplied by {n}": lambda _, w: (w.scale,),
    r"of Q times {n}, as in linear": lambda _, w: (w.factor,),
    r"its weights were multiplied by {n}": lambda r, _: (r.scale,),
    r"multiply the raw scores by {n}(?: \([^)]*\))?": lambda r, _: (r.scale,),
    r"multiplies them by {n}": lambda _, w: (w.scale,),
    r"ℓ is {n} here": lambda r, _: (r.length or 1,),
    r"· {n}": lambda _, w: (w.scale,),
    r"{n}, of {n} heads": lambda r, _: whole(r.heads, r.heads),
    r"each of the {n} ": lambda r, _: (r.m,),
    r"all {n} × {n} scores": lambda r, _: (r.n, r.m),
    r"over the {n} heads": lambda r, _: (r.heads,),
    r"the {n} keys": lambda r, _: (r.m,),
    r"(?:its|over the) {n} query heads|the sum of all {n} is expected": lambda r, _: (r.heads // r.key_heads,),
    r"the {n} entries": lambda r, _: (r.lead[0],),
    r"its {n} heads": lambda r, _: (r.heads,),
    r"{n} of the {n} scores (?:is|are) masked by nothing else": lambda r, w: (
        (~visible(r) & visible(w)).sum(),
        visible(r).size,
    ),
    r"{n} of the {n} scores (?:is|are) masked": lambda r, _: hidden(r),
    r"key i [+−] {n}": lambda r, _: offsets(r),
    r"where {n} queries meet {n} keys": lambda r, _: (r.n, r.m),
    r"\({n} × {n} fits both(?: ways)?\)": lambda r, _: (r.m, r.m),
    r"rounded to {n} decimals?": lambda _, w: (getattr(w, "rounded_to", w.print_weights),),
    r"the {n} columns were taken as one head: {n} heads of {n} columns": lambda r, _: (r.heads * r.d, r.heads, r.d),
    r"into {n} heads by a view": lambda r, _: (r.heads,),
    r"the {n} heads' outputs": lambda r, _: (r.heads,),
    r"the {n} positions and the {n} heads": lambda r, _: (r.n, r.heads),
    r"(?:its|right) shape is {n}(?: × {n})*|by V, {n}(?: × {n})*": lambda r, _: output_shape(r),
    r"\(H = {n}, d = {n}\)": lambda r, _: (r.heads, r.d),
    r"all {n} query heads": lambda r, _: (r.heads,),
    r"the sum of all {n} is": lambda r, _: (r.heads // r.key_heads,),
    r"# of {n}: query|h mod {n}": lambda r, _: (r.key_heads,),
    r"# {n} share": lambda r, _: (r.heads // r.key_heads - 1,),
    r"the next {n} ": lambda r, _: (r.heads // r.key_heads,),
    r"the window {n}, {n} was": lambda r, _: r.window,
    r"reached {n} keys? before the query's position: it reaches {n}": lambda r, w: (w.window[0], r.window[0]),
    r"it reaches {n} before the query's position and {n} after, and ends": lambda r, _: r.window,
    r"positions was {n}, as of an exponent {n}c/d: it is {n}": lambda r, w: (w.base, -4, r.base),
    r"{n} of your scores are −inf, the first at \[{n}(?:, {n})*\]": lambda r, w: unasked(r, w),
    r"{n} of your weights are 0, the first at \[{n}(?:, {n})*\]": lambda r, w: unasked(r, w, 0),
    r"the first {n} keys are seen": lambda r, _: (r.prefix,),
    r"counts {n} keys, {n} of them": lambda r, w: (r.m + padded(w), padded(w)),
    r"there are {n} keys": lambda r, _: (r.m,),
    r"{n} queries have no key, the first is query \[?{n}(?:, {n})*": lambda r, _: empty_rows(r),
    r"query \[?{n}(?:, {n})*\]? has no key": lambda r, _: empty_rows(r)[1:],
    r"{n}·tanh\(score / {n}\)|the softcap {n} ": lambda r, _: (r.softcap,),
    r"of ALiBi were {n} times": lambda r, w: (w.slopes.sum() / r.slopes.sum(),),
    r"left out: {n} at \[{n}(?:, {n})*\]": lambda r, _: first_bias(r),
    r"slope {n}(?:, {n})*": lambda r, _: r.slopes.ravel(),
    r", {n}(?:, {n})*: {n}(?:, {n})* are expected": lambda r, w: (*w.slopes.ravel(), *r.slopes.ravel()),
    r"S = {n}": lambda r, _: (r.sink,),
    r"from 2 pieces": lambda *_: (2,),
    r"{n} of {n} weights were dropped": lambda _, w: whole(w.dropped, w.before),
    r", p = {n}": lambda _, w: (w.p,),
    r"rows {n} and {n} (?:were )?exchanged": lambda _, w: whole(*w.exchanged),
    r"query {n} did not see key {n}": lambda _, w: whole(*w.cell),
    r"query {n} was rotated as if it stood at position {n}: it stands at {n}": lambda *_: (0, 1, 0),
    r"positions was {n}: it is {n}": lambda r, w: (w.base, r.base),
    r"a sink of {n} took": lambda _, w: (w.sink,),
    r"the sink was {n}:": lambda _, w: (w.sink,),
    r"the softcap was {n}: {n} is expected": lambda r, w: (w.softcap, r.softcap),
    r"the first {n} columns were rotated: the first {n} are": lambda r, w: (w.turned, r.d),
    r"the positions were (?:not divided|multiplied) by {n} before": lambda r, _: (r.far,),
    r"(?:is the right one|are the right ones) times {n}: no": lambda _, w: (w.factor,),
    r"column {n} of Q and K": lambda _, w: (w.column,),
    r"all {n} columns count": lambda r, _: (r.d,),
    r"turned {n} of the {n} columns": lambda r, _: (r.d, r.d),
    r"the scale {n} was left out": lambda r, _: (r.scale,),
    r"{n} of the {n} scores \w+ negative": lambda r, _: negative(r),
    r"lowered by {n},": lambda _, w: (w.depth,),
    r"set to {n},": lambda _, w: (-w.depth,),
    r"keeps the weight {n}, at \[{n}(?:, {n})*\]": lambda r, w: largest_hidden(r, w),
    r"query {n} is that of {n} for key {n}, whose exponential is {n}; {n} and {n} are right": lambda r, w: one_score(
        r, w
    ),
    r"one query \({n} × {n} fits": lambda r, _: (r.n, r.n),
    r"keys? {n}(?: to {n})? of {n} (?:was|were) left out": lambda r, w: kept_run(r, w),
    r"keys? {n}(?: to {n})? of {n} (?:was|were) counted": lambda r, w: kept_run(r, w),
    r"K, {n} × {n}, was reshaped to {n} × {n}": lambda r, _: (r.m, r.d, r.d, r.m),
    r"whole tiles of {n} keys|each tile of {n} keys": lambda *_: (2,),
    r"results of {n} pieces": lambda *_: (2,),
    r"{n}(?:, {n})* took [KV] of (?:heads|entries) {n}(?:, {n})*": lambda _, w: (*range(len(w.order)), *w.order),
    r"tanh\(score / {n}\) was not multiplied by {n}": lambda r, _: (r.softcap, r.softcap),
    r"cut off at {n} and {n}": lambda r, _: (-r.softcap, r.softcap),
    r"rows {n}, {n} are {n}": lambda _, w: (w.empty, w.empty + 1, 0),
    r"for query {n}, {n} · row {n} of V": lambda r, w: (w.cell[0], r.answer()["weights"][w.cell], w.cell[1]),
    r"exponentials of query {n} were divided by {n}, and {n} is": lambda r, w: one_sum(r, w),
    r"head h mod {n} for": lambda r, _: (r.key_heads,),
    r"keeps {n} binary digits": lambda *_: (11,),
    r"(?:was|were) multiplied by {n}(?: \([^)]*\))?: no factor": lambda _, w: (w.factor,),
    r"sums? over (?:all \w+ but )?(?:quer|key)\w* {n}(?: to {n})?": lambda _, w: tile(w),
    r"all {n} queries are expected": lambda r, _: (r.n,),
    r"over all {n} keys it is expected": lambda r, _: (r.m,),
    r"never hides the first {n}": lambda r, _: (r.keep_first,),
    r"(?:had|were the first) {n} keys?: {n} (?:is|are) expected": lambda r, w: off_by_one(r, w),
    r"less than {n} positions|own chunk of {n}(?! positions)": lambda r, _: (r.chunk,),
    r"⌊j/{n}⌋ = ⌊p/{n}⌋": lambda r, _: (r.chunk, r.chunk),
    r"lengths were {n}, one key too (?:many|few): {n} is": lambda r, w: whole(w.length_of_keys, r.length_of_keys),
    r"lengths were {n}, rounded (?:up|down) to whole pages of {n}(?: or {n})* keys": lambda r, w: pages(r, w),
    r"keys: {n} is expected|lengths {n} were counted": lambda r, _: (r.length_of_keys,),
    r"sum of those of the tile of keys? {n}(?: to {n})? only": lambda _, w: tile(w),
    r"at each tile of {n} keys": lambda _, w: (len(w.tile),),
    r"overflowed #+ in (?:one row|{n} rows), whose sums? (?:is|are) beyond its largest number, {n}": (
        lambda r, w: overflown(r, w)
    ),
    r"are of {n}\^score|is of {n}\^score": lambda _, w: (w.power,),
    r"by their number, {n}": lambda r, _: (r.m,),
    r"own chunk of {n} positions: no": lambda _, w: (w.chunk,),
    r"tile of {n} keys in": lambda *_: (2,),
    r"it begins {n} before": lambda r, _: (r.window[0],),
    r"the sink was counted {n} times": lambda _, w: (w.counted,),
    r"sum without key {n}": lambda _, w: (w.missing,),
    r"row {n} of V was left out": lambda _, w: (w.missing,),
    r"of queries {n} and {n} were exchanged": lambda *_: whole(0, 1),
    r"divided by 1 − {n}": lambda *_: (1, 0.25),
    r"divided by #+ = {n}|multiplied by {n}: they": lambda *_: (0.75,),
    r"divided by p = {n}": lambda *_: (0.25,),
    r"{n} was added to every": lambda _, w: (w.constant,),
    r"scores of the {n} heads": lambda r, _: (r.heads,),
    r"only the {n} largest scores": lambda r, _: (r.top_k,),
    r"the {n} largest scores of a row took part: the {n} largest": lambda r, w: (w.top_k, r.top_k),
    r"the {n} largest (?:weights|scores)": lambda r, _: (r.top_k,),
    r"over the columns of all {n} heads: each head's {n} columns": lambda r, _: (r.heads, r.d),
    r"the bias was (?:scaled|multiplied) by {n}": lambda r, w: (w.bias.sum() / r.bias.sum(),),
    r"(?:ALiBi's .*|stood )at position i(?: [+−] {n})?: it stands at i(?: [+−] {n})?": lambda r, w: places(w, r),
    r"[QKV] at \[{n}, {n}\] was taken as {n}: it is {n}": lambda _, w: (*w.misread[1:3], w.misread[4], w.misread[3]),
    r"rows {n} to {n}(?: of [KVand ]+ were read from the place of| and) rows {n} to {n}": lambda _, w: whole(*w.paged),
    r"rows {n} to {n} of [KVand ]+ were #|one page of {n} keys": lambda _, w: whole(*w.paged),
}
NUMBER = r"[-−]?\d+(?:\.\d+)?(?:e[-+]?\d+)?"


def read_back(sentence, right, wrong):
    """What is false in a sentence: numbers that are others, and numbers that nothing is known of."""
    left, false = FIXED.sub(lambda match: "#" * len(match[0]), sentence), []
    for pattern, fact in FACTS.items():
        for match in re.finditer(pattern.replace("{n}", NUMBER), left):
            numbers = [float(each.replace("−", "-")) for each in re.findall(NUMBER, match[0].replace("#", " "))]
            numbers = [abs(each) for each in numbers] if "key i" in match[0] else numbers
            due = [float(each) for each in fact(right, wrong)]
            if "|" in pattern and len(due) < len(numbers):
                due = due * len(numbers)
            if len(numbers) != len(due) or not all(map(near, numbers, due)):
                false.append(f"{match[0]}: {due}")
        left = re.sub(pattern.replace("{n}", NUMBER), lambda match: "#" * len(match[0]), left)
    return false + re.findall(NUMBER, left.replace("#", " "))


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", [name for name in SLIPS if name != "one-cell"])
def test_a_slip_is_found_and_every_number_of_its_sentence_is_that_of_the_problem(name):
    case = judged.worksheet(name, "6", SEED)
    if case is None:
        pytest.skip("the print is that of the right numbers")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        report = check(case)
    place = judged.place_in(report, name)
    assert place is None or place < 3, judged.told(name, "6", SEED)
    right, wrong = make_worlds(name, SEED * 10 + judged.PRINTS.index("6"), None)
    wrong.answer()
    for each in report.diagnosis[:1]:
        if name in (each.slip, *each.also) and each.slip != "impossible":
            assert not read_back(each.sentence, right, wrong), each.sentence


def test_a_wrong_cell_is_reported_as_it_is_printed():
    for seed in range(6):
        case = judged.worksheet("one-cell", "4", seed)
        (found, *_) = check(case).diagnosis
        right, wrong = judged.make("one-cell", seed * 10 + judged.PRINTS.index("4"), None)[1:3]
        (told,) = re.findall(r"(\w+) at \[([\d, ]+)\], which says (\S+) and should be (\S+)", found.sentence)
        name, at, says, due = told[0], tuple(map(int, told[1].split(","))), told[2], told[3]
        assert float(says) == pytest.approx(wrong[name][at], abs=6e-5)
        assert float(due) == pytest.approx(right[name][at], abs=6e-5)
        assert abs(wrong[name] - right[name]).argmax() == np.ravel_multi_index(at, right[name].shape)

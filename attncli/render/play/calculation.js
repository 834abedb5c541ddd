// The numbers: raw scores, scores, weights, output and log-sum-exps of one part.

/** Return a sum that includes its rounding errors (Neumaier). */
function added(count, term) {
  let sum = 0;
  let rest = 0;
  for (let place = 0; place < count; place++) {
    const value = term(place);
    const next = sum + value;
    rest += Math.abs(sum) >= Math.abs(value) ? sum - next + value : value - next + sum;
    sum = next;
  }
  return Number.isFinite(rest) ? sum + rest : sum;
}

const lengthOf = (row) => Math.hypot(...row);

/** Return the factor of the raw scores: the scale, or the factor for ℓ, over the temperature. */
function scaleOf(state) {
  const sizes = {dk: state.queries[0][0].length, n: state.queries[0].length, m: state.keys[0].length};
  const variant = VARIANTS[state.variant];
  let scale;
  if (state.scale) scale = evaluatedScale(state.scale, sizes);
  else if (variant.power) scale = (state.length_scale ?? 1) ** -variant.power;
  else scale = evaluatedScale(variant.scale, sizes);
  return scale / state.temperature;
}

/** Return whether query i of a part may attend to key j. */
function isAllowed(state, part, i, j) {
  const position = i + part.offset;
  if (state.causal && j > position) return false;
  if (state.window) {
    const [left, right] = state.window;
    if ((left !== -1 && j < position - left) || (right !== -1 && j > position + right)) return false;
  }
  return part.allowed === null || part.allowed[i][j] === "1";
}

/** Return the score of query i for key j before the mask, and the numbers that it was computed from. */
function scored(state, part, scale, i, j, query, key, queryLength, keyLength) {
  const variant = VARIANTS[state.variant];
  const total = variant.term ? added(query.length, (c) => variant.term(query[c], key[c])) : 0;
  const isNowhere = variant.hasLengths && (queryLength === 0 || keyLength === 0);
  const raw = isNowhere ? 0 : variant.raw({total, queryLength, keyLength});
  const scaled = STAGES.scaled.compute({raw, scale});
  const steps = [["scaled", scaled]];
  const capped = () => {
    if (state.softcap !== null) steps.push(["capped", STAGES.capped.compute({score: steps.at(-1)[1], cap: state.softcap})]);
  };
  if (!DATA.conventions.capAfterBias) capped();
  if (part.slope !== null) {
    const distance = {slope: part.slope, position: i + part.offset, place: j};
    steps.push(["distanced", STAGES.distanced.compute({score: steps.at(-1)[1], ...distance})]);
  }
  if (part.bias) steps.push(["biased", STAGES.biased.compute({score: steps.at(-1)[1], bias: part.bias[i][j]})]);
  if (DATA.conventions.capAfterBias) capped();
  return {raw, total, isNowhere, steps, score: steps.at(-1)[1]};
}

/** Return the sink, which joins the sum of a softmax only. */
const sinkOf = (state) => (state.normalizer === "softmax" ? state.sink : null);

/** Return which keys are allowed and among the largest that top-k keeps, the first of equal ones. */
function countedKeys(scores, allowed) {
  const most = DATA.conventions.topK;
  if (most === null) return allowed;
  const order = scores.map((_, j) => j).filter((j) => allowed[j]).sort((a, b) => scores[b] - scores[a] || a - b);
  const largest = new Set(order.slice(0, most));
  return scores.map((_, j) => largest.has(j));
}

/** Return the weights of a row by another normalizer than softmax, and their threshold if there is one. */
function normalizedRow(normalizer, scores, counted) {
  let threshold = null;
  if (normalizer.threshold) {
    const heights = scores.filter((_, j) => counted[j]).map((score) => normalizer.heights({score})).sort((a, b) => b - a);
    const top = heights[0]; // the others are taken relative to it, which loses no digits
    heights.forEach((height, place) => {
      const largest = heights.slice(0, place + 1).map((other) => other - top);
      const [total, squares] = [added(place + 1, (c) => largest[c]), added(place + 1, (c) => largest[c] ** 2)];
      const tried = normalizer.threshold({total, squares, c: place + 1}) + top;
      if (tried <= height) threshold = tried;
    });
  }
  return {threshold, weights: scores.map((score, j) => (counted[j] ? normalizer.weight({score, τ: threshold}) : 0))};
}

/** Compute one query of a part: raw, scores, weights (m), output (d_v), lse, and the exponentials with their sum. */
function attendRow(state, partNumber, i, query) {
  const part = PARTS[partNumber];
  const [keys, values] = [state.keys[part.keys], state.values[part.keys]];
  const scale = scaleOf(state);
  const queryLength = lengthOf(query);
  const cells = keys.map((key, j) => scored(state, part, scale, i, j, query, key, queryLength, lengthOf(key)));
  const allowed = keys.map((_, j) => isAllowed(state, part, i, j));
  const scores = cells.map((cell, j) => (allowed[j] ? cell.score : -Infinity));
  const counted = countedKeys(scores, allowed);
  const kept = scores.map((score, j) => (counted[j] ? score : -Infinity));
  const sink = sinkOf(state);
  const logits = sink === null ? kept : [...kept, sink];
  const largest = Math.max(...logits);
  const hasKey = allowed.includes(true);
  const isShared = hasKey || sink !== null;
  const exponentials = logits.map((score) => (isShared && score !== -Infinity ? STAGES.exponential.compute({score, largest}) : 0));
  const sum = added(exponentials.length, (j) => exponentials[j]);
  const empty = {zeros: 0, uniform: 1 / keys.length, nan: NaN}[DATA.conventions.empty];
  const other = NORMALIZERS[state.normalizer];
  const normalized = other && hasKey ? normalizedRow(other, kept, counted) : null;
  const shareOf = (j) => (hasKey ? STAGES.weighted.compute({e: exponentials[j], sum}) : sink !== null ? 0 : empty);
  const undropped = normalized?.weights ?? keys.map((_, j) => shareOf(j));
  const dropped = (weight, j) => STAGES.dropped.compute({weight, kept: part.kept[i][j], dropout: DATA.conventions.dropout});
  const weights = part.kept ? undropped.map(dropped) : undropped;
  const share = (j, c) => (weights[j] === 0 ? 0 : STAGES.share.compute({weight: weights[j], value: values[j][c]}));
  const output = (values?.[0] ?? []).map((_, c) => added(keys.length, (j) => share(j, c)));
  const lse = isShared ? STAGES.lse.compute({largest, sum}) : -Infinity;
  return {cells, allowed, counted, threshold: normalized?.threshold ?? null, undropped, raw: cells.map((cell) => cell.raw), scores, largest, exponentials, sum, weights, output, lse, hasKey, queryLength};
}

/** Compute all queries of a part. */
const attend = (state, partNumber) =>
  state.queries[partNumber].map((query, i) => attendRow(state, partNumber, i, query));

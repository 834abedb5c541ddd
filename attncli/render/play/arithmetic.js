// The arithmetic of one number, a line at a time, as explain writes it.

/** {title, lines: [{name, text, isSum, part}], words} of the cell at {matrix, row, column}. */
function arithmeticOf(state, rows, at) {
  const writer = {
    raw_scores: rawLines,
    scores: (...where) => [...rawLines(...where), ...scoreLines(...where)],
    weights: (...where) => [...rawLines(...where), ...scoreLines(...where), ...weightLines(...where)],
    output: outputLines,
    lse: lseLines,
  }[at.matrix];
  return {title: titleOf(at), lines: writer(state, rows[at.row], at), words: wordsOf(state, rows[at.row], at)};
}

const MATRIX_NAMES = {raw_scores: "raw score", scores: "score", weights: "weight", output: "output", lse: "log-sum-exp"};

function titleOf({matrix, row, column}) {
  const query = DATA.labels.queries[row];
  if (matrix === "lse") return `log-sum-exp of ${query}`;
  if (matrix === "output") return WIDTHS.dv === 1 && !("values" in DATA.given) ? `output of ${query}` : `output of ${query}: ${DATA.labels.values[column]}`;
  return `${MATRIX_NAMES[matrix]}: ${query} → ${DATA.labels.keys[column]}`;
}

function rawLines(state, row, {row: i, column: j}) {
  const variant = VARIANTS[state.variant];
  const cell = row.cells[j];
  const key = state.keys[PARTS[state.part].keys][j];
  const query = state.queries[state.part][i];
  if (variant.termTree === null) return [{name: "raw score", text: equation(substituted(variant.rawTree, {}))}];
  const lines = [];
  const lengths = {};
  if (variant.hasLengths) {
    for (const [name, vector, symbol] of [["query", query, "queryLength"], ["key", key, "keyLength"]]) {
      const squares = shortSum(vector.map((value) => ["square", printed(value)]), vector.map((value) => value * value));
      const length = equation(["root", squares], printed(lengthOf(vector), factor));
      lines.push({name: `length of the ${name}`, text: `‖${name[0]}‖ = ${length}`});
      lengths[symbol] = printed(lengthOf(vector), factor);
    }
  }
  if (cell.isNowhere) {
    const whose = row.queryLength === 0 ? "the query" : "the key";
    return [...lines, {name: "raw score", text: "0", note: `${whose} has length 0 and points nowhere: the cosine is taken as 0`}];
  }
  const values = query.map((value, c) => variant.term(value, key[c]));
  const terms = query.map((value, c) => substituted(variant.termTree, {q: printed(value), k: printed(key[c])}));
  const over = (total) => signed(substituted(variant.rawTree, {...lengths, total}));
  const sides = [over(shortSum(terms, values)), over(shortSum(values.map((value) => printed(value)), values))];
  if (variant.rawTree !== "total" && values.length > 1) sides.push(over(printed(cell.total)));
  lines.push({name: "raw score", text: equation(...sides, printed(cell.raw))});
  return lines;
}

function scoreLines(state, row, {column: j, row: i}) {
  const part = PARTS[state.part];
  const cell = row.cells[j];
  const given = {raw: printed(cell.raw), scale: printed(scaleOf(state), factor), cap: printed(state.softcap ?? 0), bias: printed(part.bias?.[i][j] ?? 0), slope: printed(part.slope ?? 0, factor), position: printed(i + part.offset), place: printed(j)};
  const lines = [];
  let score = given.raw;
  for (const [stage, value] of cell.steps) {
    const isIdle = stage === "scaled" && scaleOf(state) === 1;
    const side = substituted(STAGES[stage].tree, {...given, score});
    score = printed(value);
    if (!isIdle) lines.push({name: {scaled: "score", capped: "capped", distanced: "less the distance", biased: "with bias"}[stage], text: equation(side, score)});
  }
  if (lines.length === 0) lines.push({name: "score", text: equation(given.raw), note: "the scale is 1"});
  if (!row.allowed[j]) lines.push({name: "masked", text: "−∞", note: "the query may not attend to this key"});
  return lines;
}

function weightLines(state, row, {row: i, column: j}) {
  if (!row.hasKey) return [{name: "weight", text: numeral(row.weights[j]), note: "no key is left to attend to"}];
  if (state.normalizer !== "softmax") return normalizedLines(state, row, i, j);
  const e = (place) => printed(row.exponentials[place]);
  const exponentials = row.exponentials.map((_, place) => e(place));
  const largest = printed(row.largest);
  const exponent = row.counted[j]
    ? equation(
        substituted(STAGES.exponential.tree, {score: printed(row.scores[j]), largest}),
        ["exp", printed(row.scores[j] - row.largest)],
        e(j),
      )
    : equation(["exp", {text: "-inf"}], {text: "0"});
  const weight = equation(substituted(STAGES.weighted.tree, {e: e(j), sum: printed(row.sum)}), printed(row.undropped[j]));
  const withSink = sinkOf(state) === null ? "" : "the last term is the sink's";
  return [
    {name: "largest score", text: typeset(numeral(row.largest))},
    {name: "e", text: exponent},
    {name: "sum of all e", text: equation(shortSum(exponentials, row.exponentials), printed(row.sum)), note: withSink, isSum: true},
    {name: "weight", text: weight, isResult: true, note: uncounted(row, j)},
    ...droppedLines(state, row, i, j),
  ];
}

const uncounted = (row, j) => (row.allowed[j] && !row.counted[j] ? `not among the ${DATA.conventions.topK} largest` : "");

/** Return the lines of a weight by another normalizer than softmax. */
function normalizedLines(state, row, i, j) {
  const {tree} = NORMALIZERS[state.normalizer];
  const given = {score: printed(row.scores[j]), τ: printed(row.threshold ?? 0, factor)};
  const text = row.counted[j] ? equation(signed(substituted(tree, given)), printed(row.undropped[j])) : "0";
  const threshold = row.threshold === null ? [] : [{name: "threshold τ", text: typeset(given.τ.text)}];
  const note = row.allowed[j] ? uncounted(row, j) : "masked";
  return [...threshold, {name: "weight", text, note, isResult: true}, ...droppedLines(state, row, i, j)];
}

/** Return what dropout leaves of a weight. */
function droppedLines(state, row, i, j) {
  const {kept} = PARTS[state.part];
  if (!kept) return [];
  const given = {weight: printed(row.undropped[j]), kept: printed(kept[i][j]), dropout: printed(DATA.conventions.dropout)};
  return [{name: "after dropout", text: equation(substituted(STAGES.dropped.tree, given), printed(row.weights[j])), isResult: true}];
}

function outputLines(state, row, {column: c}) {
  const values = state.values[PARTS[state.part].keys];
  const shares = row.weights.map((weight, j) => (weight === 0 ? 0 : weight * values[j][c]));
  const lines = shares.map((share, j) => ({
    name: DATA.labels.keys[j],
    text: equation(substituted(STAGES.share.tree, {weight: printed(row.weights[j]), value: printed(values[j][c])}), printed(share)),
    note: row.allowed[j] ? "" : "masked",
    share: row.weights[j],
  }));
  const kept = lines.filter((_, j) => row.allowed[j] || row.weights[j]);
  const shown_ = kept.length > 12 ? [...kept].sort((a, b) => b.share - a.share).slice(0, 10) : lines.length > 12 ? kept : lines;
  if (shown_.length < lines.length) shown_.push({name: "…", text: `${lines.length - shown_.length} more keys`});
  const terms = shares.filter((_, j) => row.allowed[j] || row.weights[j]);
  const sum = terms.length ? shortSum(terms.map((share) => printed(share)), terms) : {text: "0"};
  return [...shown_, {name: "output", text: equation(sum, printed(row.output[c])), isSum: true, isResult: true}];
}

function lseLines(state, row) {
  if (row.lse === -Infinity) return [{name: "log-sum-exp", text: "−∞", note: "no key is left to attend to"}];
  const exponentials = row.exponentials.map((value) => printed(value));
  const given = {largest: printed(row.largest), sum: printed(row.sum)};
  return [
    {name: "largest score", text: typeset(given.largest.text)},
    {name: "sum of all e", text: equation(shortSum(exponentials, row.exponentials), given.sum), isSum: true},
    {name: "log-sum-exp", text: equation(substituted(STAGES.lse.tree, given), printed(row.lse)), isResult: true},
  ];
}

/** Return the features that contribute most to a score that adds up products, or "" if it adds up distances. */
function reasonsOf(state, i, j) {
  const variant = VARIANTS[state.variant];
  const key = state.keys[PARTS[state.part].keys][j];
  const terms = state.queries[state.part][i].map((value, c) => ({c, value: variant.term?.(value, key[c]) ?? 0}));
  const most = terms.filter(({value}) => value > 0).sort((a, b) => b.value - a.value).slice(0, 3);
  if (!variant.isProduct || terms.length < 2 || most.length === 0) return "";
  const named = most.map(({c, value}) => `“${DATA.labels.features[c]}” (${typeset(numeral(value, 2))})`);
  return ` Most of its raw score comes from ${joined(named)}.`;
}

const joined = (words) => (words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`);

/** Return the effective number of keys, the exponential of the entropy of the weights. */
function effectiveKeys(weights) {
  const total = weights.reduce((a, b) => a + b, 0);
  const shares = weights.map((weight) => weight / total).filter((share) => share > 0);
  return Math.exp(-added(shares.length, (j) => shares[j] * Math.log(shares[j])));
}

/** Return the effect of the scale on a row: its effective number of keys, with this scale and with the usual ones. */
function scaleWords(state, row, i) {
  const variant = VARIANTS[state.variant];
  if (variant.isConstant || NORMALIZERS[state.normalizer]?.sumsToOne === false || !row.hasKey || !row.weights.every(Number.isFinite)) return "";
  const query = state.queries[state.part][i];
  const spread = (scale) => {
    const {weights} = attendRow({...state, scale, length_scale: null}, state.part, i, query);
    return weights.every(Number.isFinite) ? effectiveKeys(weights).toFixed(1) : null;
  };
  const others = [["1", "1"], ["1/√d_k", "1/sqrt(dk)"], ["1/d_k", "1/dk"]]
    .filter(([, scale]) => scale !== (state.scale || (variant.power ? "" : variant.scale)))
    .map(([name, scale]) => [name, spread(scale)])
    .filter(([, keys]) => keys !== null)
    .map(([name, keys]) => `${keys} with ${name}`);
  return `“${DATA.labels.queries[i]}” spreads as if over ${effectiveKeys(row.weights).toFixed(1)} of ${row.allowed.filter(Boolean).length} keys; ${joined(others)}.`;
}

const percent = (share) => (share > 0 && share < 0.005 ? "less than 1 %" : `${Math.round(share * 100)} %`);

/** Return one sentence about the cell. */
function wordsOf(state, row, {matrix, row: i, column: j}) {
  const [query, key] = [DATA.labels.queries[i], DATA.labels.keys[j]];
  if (!row.hasKey) return `“${query}” may attend to no key.`;
  if (matrix === "raw_scores") return `The raw score says how well the key fits: ${VARIANTS[state.variant].reading}.`;
  if (matrix === "scores") return `The score is what enters ${state.normalizer === "softmax" ? "the softmax: only its difference to the other scores of its row counts" : state.normalizer}.`;
  if (matrix === "weights") {
    if (!row.allowed[j]) return `“${query}” may not attend to “${key}”: masked.`;
    if (NORMALIZERS[state.normalizer]?.sumsToOne === false || PARTS[state.part].kept) return `“${query}” weighs “${key}” with ${typeset(numeral(row.weights[j]))}.`;
    const rank = row.weights.filter((weight) => weight > row.weights[j]).length;
    const isAlone = row.weights.filter((weight) => weight === row.weights[j]).length === 1;
    const most = rank === 0 && isAlone && row.weights.length > 1 ? ", more than any other key" : "";
    return `“${key}” gets ${percent(row.weights[j])} of the attention of “${query}”${most}.${reasonsOf(state, i, j)}`;
  }
  if (matrix === "output") return "The average of this column of V, with the weights of the query: what gets more weight counts for more.";
  return "The log of the sum of the exponentials of all scores: what makes partial softmaxes mergeable.";
}

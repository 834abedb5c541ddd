// The state of the page: its numbers and settings, their form in the address, and undo.

/** Return a matrix as [rows][columns] of numbers from [rows, columns, text]. */
function unpacked([rows, columns, text]) {
  let cells;
  if (text.startsWith("=")) {
    const bytes = Uint8Array.from(atob(text.slice(1)), (letter) => letter.charCodeAt(0));
    const view = new DataView(bytes.buffer);
    cells = Array.from({length: rows * columns}, (_, place) => view.getFloat64(8 * place, true));
  } else cells = text === "" ? [] : text.split(",").map((cell) => Number(cell.replace("inf", "Infinity")));
  return Array.from({length: rows}, (_, row) => cells.slice(row * columns, (row + 1) * columns));
}

const PARTS = DATA.parts.map((part) => ({...part, bias: part.bias && unpacked(part.bias), kept: part.kept && unpacked(part.kept)}));
const MATRICES = {q: "queries", k: "keys", v: "values"};
const START = {
  ...DATA.settings,
  queries: DATA.queries.map(unpacked),
  keys: DATA.keys.map(unpacked),
  values: DATA.values.map(unpacked),
  part: 0,
  at: null, // the cell whose arithmetic is shown: {matrix, row, column}
  move: null, // the cell of Q that the slider moves: [row, column]
};
const HAS_VALUES = DATA.values.length > 0;
const SIZES = {n: START.queries[0].length, m: START.keys[0].length, dk: START.queries[0][0].length};

const fresh = () => ({
  ...START,
  queries: structuredClone(START.queries),
  keys: structuredClone(START.keys),
  values: structuredClone(START.values),
});

/** Return which matrix of its kind the part on the page reads. */
const ownMatrix = (state, kind) => (kind === "queries" ? state.part : PARTS[state.part].keys);

const finite = (text, holds = () => true) => {
  const value = parsed(text);
  return value === null || !holds(value) ? undefined : value;
};
const orNone = (read) => (text) => (text === "none" ? null : read(text));
const isPositive = (value) => value > 0;
const CELLS = {queries: ["n", "dk"], raw_scores: ["n", "m"], scores: ["n", "m"], weights: ["n", "m"], output: ["n", "dv"], lse: ["n", "one"]};
const WIDTHS = {...SIZES, dv: HAS_VALUES ? START.values[0][0].length : 0, one: 1};

/** The form of each setting in the address. `read` returns undefined for invalid values. */
const SETTINGS = {
  variant: {read: (text) => (Object.hasOwn(VARIANTS, text) ? text : undefined), write: (value) => value},
  scale: {
    read: (text) => (text === "none" ? "" : evaluatedScale(text, SIZES) === null ? undefined : text),
    write: (value) => value || "none",
  },
  length_scale: {read: orNone((text) => finite(text, isPositive)), write: (value) => (value === null ? "none" : whole(value))},
  softcap: {read: orNone((text) => finite(text, isPositive)), write: (value) => (value === null ? "none" : whole(value))},
  sink: {read: orNone((text) => finite(text)), write: (value) => (value === null ? "none" : whole(value))},
  normalizer: {read: (text) => (text === "softmax" || Object.hasOwn(NORMALIZERS, text) ? text : undefined), write: (value) => value},
  temperature: {read: (text) => finite(text, isPositive), write: whole},
  causal: {read: (text) => ({1: true, 0: false, true: true, false: false})[text], write: (value) => (value ? "1" : "0")},
  window: {read: orNone(windowOf), write: (value) => (value === null ? "none" : value.join(","))},
  part: {read: (text) => (/^\d+$/.test(text) && Number(text) < PARTS.length ? Number(text) : undefined), write: String},
  at: {read: orNone(cellOf), write: (value) => (value === null ? "none" : `${value.matrix}.${value.row}.${value.column}`)},
  move: {read: orNone(movedOf), write: (value) => (value === null ? "none" : value.join("."))},
};

function windowOf(text) {
  const sides = text.split(",").map((side) => (/^\s*(-1|\d+)\s*$/.test(side) ? Number(side) : null));
  return sides.length === 2 && !sides.includes(null) ? sides : undefined;
}

function cellOf(text) {
  const [matrix, row, column] = text.split(".");
  if (!Object.hasOwn(CELLS, matrix) || matrix === "queries") return undefined;
  const place = placeOf([row, column], CELLS[matrix].map((size) => WIDTHS[size]));
  return place && {matrix, row: place[0], column: place[1]};
}

function movedOf(text) {
  return placeOf(text.split("."), [WIDTHS.n, WIDTHS.dk]);
}

/** Return whole numbers below the sizes, or undefined. */
function placeOf(words, sizes) {
  const numbers = words.map((word) => (/^\d+$/.test(word ?? "") ? Number(word) : Infinity));
  return words.length === sizes.length && numbers.every((number, axis) => number < sizes[axis]) ? numbers : undefined;
}

/** Return the state for the address: everything that differs from the start. */
function addressOf(state) {
  const words = [];
  for (const [name, {write}] of Object.entries(SETTINGS)) {
    const text = write(state[name]);
    if (text !== write(START[name])) words.push(`${name}=${encodeURIComponent(text).replace(/%2F/g, "/").replace(/%2C/g, ",")}`);
  }
  for (const [letter, kind] of Object.entries(MATRICES)) {
    state[kind].forEach((matrix, number) =>
      matrix.forEach((row, i) =>
        row.forEach((value, c) => {
          if (Object.is(value, START[kind][number][i][c])) return;
          const place = state[kind].length > 1 ? `${number}.${i}.${c}` : `${i}.${c}`;
          words.push(`${letter}.${place}=${whole(value)}`);
        }),
      ),
    );
  }
  return words.join("&");
}

/** Return the state in an address, and its invalid parts. */
function stateOf(address) {
  const state = fresh();
  const strange = [];
  for (const word of address.replace(/^#/, "").split("&").filter(Boolean)) {
    const split = word.indexOf("=");
    const name = split < 0 ? word : word.slice(0, split);
    let text;
    try {
      text = split < 0 ? "" : decodeURIComponent(word.slice(split + 1).replace(/\+/g, "%20"));
    } catch {
      strange.push(word);
      continue;
    }
    if (!(Object.hasOwn(SETTINGS, name) ? readSetting(state, name, text) : readCell(state, name, text))) strange.push(word);
  }
  return {state, strange};
}

function readSetting(state, name, text) {
  const value = SETTINGS[name].read(text);
  if (value === undefined) return false;
  state[name] = value;
  return true;
}

function readCell(state, name, text) {
  const [letter, ...place] = name.split(".");
  const matrices = Object.hasOwn(MATRICES, letter) ? state[MATRICES[letter]] : [];
  if (matrices.length === 0) return false;
  if (matrices.length === 1 && place.length === 2) place.unshift("0");
  const found = placeOf(place, [matrices.length, matrices[0].length, matrices[0][0].length]);
  const value = parsed(text);
  if (!found || value === null) return false;
  const [number, row, column] = found;
  matrices[number][row][column] = value;
  return true;
}

/** The state of the page. Every change goes through `change`, so that it can be undone. */
const past = [];
let current = fresh();

/** Change the state with `alter`. A `passing` change is not remembered for undo by itself. */
let before = null;
function change(alter, {passing = false} = {}) {
  before ??= addressOf(current);
  alter(current);
  if (!passing) {
    if (addressOf(current) !== before) past.push(before);
    before = null;
  }
  sayAddress(addressOf(current));
  refresh();
}

function undo() {
  if (past.length === 0) return;
  current = stateOf(past.pop()).state;
  before = null;
  sayAddress(addressOf(current));
  refresh();
  announce("undone");
}

function reset() {
  change((state) => Object.assign(state, fresh(), {part: state.part}));
  announce("all numbers and settings are as they were");
}

/** Write the address without a new entry in the browser's history. */
let saidAddress = null;
function sayAddress(address) {
  saidAddress = address;
  try {
    history.replaceState(null, "", `#${address}`);
  } catch {
    location.replace(`#${address}`);
  }
}

/** Apply the address after it was changed by hand or by the browser. */
function readAddress() {
  const address = location.hash.replace(/^#/, "");
  if (address === saidAddress) return;
  const {state, strange} = stateOf(address);
  if (saidAddress !== null) past.push(addressOf(current));
  current = state;
  saidAddress = address;
  refresh();
  if (strange.length) announce(`not understood, and left out: ${strange.map(decodedText).join(", ")}`);
}

function decodedText(word) {
  try {
    return decodeURIComponent(word);
  } catch {
    return word;
  }
}

/** Return the state as a problem file that `attncli run` reads. */
function problemFile(state) {
  const part = PARTS[state.part];
  const lines = [`title: ${quoted(DATA.title)}`, `variant: ${state.variant}`];
  const variant = VARIANTS[state.variant];
  const cool = state.temperature === 1 ? "" : `/${whole(state.temperature)}`;
  if (state.scale || cool) {
    const own = variant.power ? `1/${whole(state.length_scale ?? 1)}**${variant.power}` : variant.scale;
    lines.push(`scale: ${quoted(cool ? `(${state.scale || own})${cool}` : state.scale)}`);
  } else if (variant.power && state.length_scale !== null) lines.push(`length_scale: ${whole(state.length_scale)}`);
  if (state.softcap !== null) lines.push(`softcap: ${whole(state.softcap)}`);
  if (sinkOf(state) !== null) lines.push(`sink: ${whole(state.sink)}`);
  if (state.normalizer !== "softmax") lines.push(`normalizer: ${state.normalizer}`);
  if (part.slope !== null) lines.push(`alibi: ${whole(part.slope)}`);
  if (DATA.conventions.topK !== null) lines.push(`top_k: ${DATA.conventions.topK}`);
  if (part.kept) lines.push(`dropout: ${whole(DATA.conventions.dropout)}`);
  if (DATA.conventions.capAfterBias && state.softcap !== null) lines.push("softcap_after_bias: true");
  if (state.causal) lines.push("causal: true");
  if (state.window) lines.push(`window: [${state.window.join(", ")}]`);
  if (part.offset !== 0 && (state.causal || state.window || part.slope !== null)) lines.push(`query_offset: ${part.offset}`);
  const labelled = Object.entries(DATA.given);
  if (labelled.length) lines.push("labels:");
  for (const [axis, names] of labelled) lines.push(`  ${axis}: [${names.map(quoted).join(", ")}]`);
  for (const kind of Object.values(MATRICES)) {
    if (kind !== "values" || HAS_VALUES) lines.push(...block(kind, state[kind][ownMatrix(state, kind)].map((row) => row.map(whole))));
  }
  if (part.allowed) lines.push(...block("mask", part.allowed.map((row) => [...row])));
  if (part.kept) lines.push(...block("dropout_mask", part.kept));
  if (part.bias) lines.push(...block("bias", part.bias.map((row) => row.map(whole))));
  return `${lines.join("\n")}\n`;
}

const block = (name, rows) => [`${name}:`, ...rows.map((row) => `  - [${row.join(", ")}]`)];

/** Return a text in YAML's double quotes, with invisible characters escaped. */
const quoted = (text) => JSON.stringify(text).replace(/[^ -~\p{L}\p{N}\p{P}\p{S}]/gu, escaped);

function escaped(letter) {
  const code = letter.codePointAt(0);
  return code > 0xffff ? `\\U${code.toString(16).padStart(8, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
}

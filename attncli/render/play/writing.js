// Writing expressions with numbers: the placement of brackets, and the choice between = and ≈.

const [SUM, PRODUCT, ATOM] = [1, 2, 4];
const BINDING = {sum: SUM, difference: SUM, negative: SUM, product: PRODUCT, quotient: PRODUCT, square: 3, fraction: PRODUCT, join: PRODUCT};
const SIGNS = {difference: " − ", product: " · ", quotient: " / "};

/** Return a tree with each symbol that is `given` replaced by its text or tree. */
function substituted(tree, given) {
  if (typeof tree === "string") return tree in given ? given[tree] : tree;
  if (typeof tree === "number") return {text: whole(tree)};
  if (!Array.isArray(tree)) return tree;
  return [tree[0], ...tree.slice(1).map((operand) => substituted(operand, given))];
}

/** Return a number in a tree, as it is printed. */
const printed = (value, format = numeral) => ({text: format(value), value});

/** Return −(3) as the number −3, and −(0) as 0. */
function signed(tree) {
  if (!Array.isArray(tree)) return tree;
  const operands = tree.slice(1).map(signed);
  const inner = operands[0];
  if (tree[0] === "negative" && inner?.text !== undefined && !/^[-n]/.test(inner.text)) {
    return Number(inner.text) === 0 ? inner : {text: `-${inner.text}`, value: -inner.value};
  }
  return [tree[0], ...operands];
}

/** Return the tree as text. */
function written(tree, tight = false) {
  if (typeof tree === "string") return tree;
  if (!Array.isArray(tree)) return typeset(tree.text) + (tree.more ? ` (${tree.more} more)` : "");
  const [kind, ...operands] = tree;
  if (kind === "sum") return operands.map(asTerm).join("");
  if (kind in SIGNS) {
    const sign = kind === "product" && tight ? "·" : SIGNS[kind];
    return bracketed(operands[0], BINDING[kind], true) + sign + bracketed(operands[1], BINDING[kind] + 1);
  }
  if (kind === "join") return operands.map((operand) => bracketed(operand, PRODUCT, true)).join("");
  if (kind === "fraction") return `${bracketed(operands[0], PRODUCT, true)}/${bracketed(operands[1], PRODUCT + 1)}`;
  if (kind === "manhattan" || kind === "euclid") return `‖${written(operands[0])}‖${kind === "manhattan" ? "₁" : "₂"}`;
  const inner = () => written(operands[0], true);
  if (kind === "negative") return `−${bracketed(operands[0], PRODUCT)}`;
  if (kind === "square") return `${bracketed(operands[0], ATOM)}²`;
  if (kind === "root") return `√${bracketed(operands[0], ATOM)}`;
  if (kind === "total") return `Σ ${bracketed(operands[0], PRODUCT)}`;
  if (kind === "absolute") return `|${inner()}|`;
  if (kind === "norm") return `‖${inner()}‖`;
  return `${kind}(${operands.map((operand) => written(operand)).join(", ")})`;
}

/** Return a term of a sum with its sign in front. */
function asTerm(term, place) {
  if (place === 0) return written(term, true);
  if (term?.text?.startsWith("-")) return ` − ${written({...term, text: term.text.slice(1)})}`;
  const isProduct = Array.isArray(term) && term[0] === "product";
  return ` + ${isProduct ? `${bracketed(term[1], PRODUCT)}·${bracketed(term[2], PRODUCT)}` : bracketed(term, SUM)}`;
}

/** Return the text in brackets if its operator binds less than its surroundings, or its minus would follow another sign. */
function bracketed(tree, binding, isFirst = false) {
  const text = written(tree, true);
  let needs = false;
  if (Array.isArray(tree)) {
    const leads = tree[0] === "negative" && isFirst && binding === PRODUCT;
    needs = (BINDING[tree[0]] ?? ATOM) < binding && !leads;
  } else if (tree?.text !== undefined) needs = tree.text.startsWith("-") && !isFirst;
  return needs ? `(${text})` : text;
}

// exact arithmetic with fractions [above, below] of whole numbers, null for anything that is not a fraction

const difference = ([a, b], [c, d]) => [a * d - c * b, b * d];
const FRACTIONS = {
  sum: (...terms) => terms.reduce(([a, b], [c, d]) => [a * d + c * b, b * d], [0n, 1n]),
  difference,
  product: ([a, b], [c, d]) => [a * c, b * d],
  quotient: ([a, b], [c, d]) => (c === 0n ? null : [a * d, b * c]),
  negative: ([a, b]) => [-a, b],
  absolute: ([a, b]) => [a < 0n !== b < 0n ? -a : a, b],
  square: ([a, b]) => [a * a, b * b],
  root: ([a, b]) => {
    const inside = a * b;
    const found = inside < 0n ? null : wholeRoot(inside);
    return found === null || found * found !== inside ? null : [found, b];
  },
  max: ([a, b], [c, d]) => ((a * d - c * b) * b * d > 0n ? [a, b] : [c, d]),
  exp: ([a]) => (a === 0n ? [1n, 1n] : null),
  tanh: ([a]) => (a === 0n ? [0n, 1n] : null),
  log: ([a, b]) => (a === b ? [0n, 1n] : null),
};

function wholeRoot(number) {
  if (number < 2n) return number;
  let root = 1n << BigInt(Math.ceil(number.toString(2).length / 2));
  for (let next; (next = (root + number / root) >> 1n) < root; ) root = next;
  return root;
}

/** Return a printed decimal as a fraction. */
function fractionOf(text) {
  const [, sign, whole_, part, power] = text.match(/^(-?)(\d+)\.?(\d*)(?:e([+-]\d+))?$/) ?? [];
  if (whole_ === undefined) return null;
  const above = BigInt(`${sign}${whole_}${part}`);
  const shift = Number(power ?? 0) - part.length;
  return shift < 0 ? [above, 10n ** BigInt(-shift)] : [above * 10n ** BigInt(shift), 1n];
}

/** Return the exact value of the printed numbers of a tree. */
function worked(tree) {
  if (!Array.isArray(tree)) return fractionOf(tree.text);
  if (tree[0] === "exp" && tree[1].text === "-inf") return [0n, 1n];
  const operands = tree.slice(1).map(worked);
  return operands.includes(null) ? null : FRACTIONS[tree[0]](...operands);
}

const FLOATING = {
  sum: (...terms) => terms.reduce((a, b) => a + b, 0),
  difference: (a, b) => a - b,
  product: (a, b) => a * b,
  quotient: (a, b) => a / b,
  negative: (a) => -a,
  absolute: Math.abs,
  square: (a) => a * a,
  root: Math.sqrt,
  max: Math.max,
  exp: Math.exp,
  tanh: Math.tanh,
  log: Math.log,
};

/** Return the value of the printed numbers of a tree in floating point, exact as long as fractions suffice. */
function floating(tree) {
  const fraction = worked(tree);
  if (fraction !== null) return nearestTo(fraction);
  if (!Array.isArray(tree)) return Number(tree.text.replace("inf", "Infinity"));
  return FLOATING[tree[0]](...tree.slice(1).map(floating));
}

/** Return the number nearest to a fraction. */
function nearestTo([above, below]) {
  const bits = (number) => number.toString(2).replace("-", "").length;
  const shift = Math.max(0, 70 - bits(above) + bits(below));
  return Number((above << BigInt(shift)) / below) / 2 ** Math.min(shift, 1000) / 2 ** Math.max(shift - 1000, 0);
}

/** Return the value of a 1 in the last digit of a printed number. */
function unitOf(text) {
  const [mantissa, exponent] = text.split("e");
  const decimals = (mantissa.split(".")[1] ?? "").length;
  return exponent === undefined ? 10 ** -Math.max(decimals, 4) : 10 ** (Number(exponent) - decimals);
}

/** Return the tree with more digits in all rounded numbers. */
function rewritten(tree, more) {
  if (Array.isArray(tree)) return [tree[0], ...tree.slice(1).map((operand) => rewritten(operand, more))];
  if (tree?.value === undefined || isExact(tree.text, tree.value)) return tree;
  const text = numeral(tree.value, 4 + more, 3 + more);
  return text.length > tree.text.length ? {...tree, text} : tree;
}

const FINER_AT_MOST = 15; // more digits than these are a number's own rounding

/** Return the side in the fewest digits from which a reader can compute the result, or null if there are none. */
function finer(side, result) {
  const wanted = floating(result);
  for (let more = 0; more <= FINER_AT_MOST; more++) {
    const found = more === 0 ? side : rewritten(side, more);
    if (!Number.isFinite(wanted) || Math.abs(floating(found) - wanted) <= unitOf(result.text)) return found;
  }
  return null;
}

/** Return the sides as a chain, each in digits from which the last one can be computed. A side that repeats its neighbour
 * is left out, and "=" stands only between equal numbers. */
function equation(...sides) {
  const result = sides.pop();
  let text = "";
  let before = null;
  for (const side of [...sides.map((each) => finer(each, result)).filter((each) => each !== null), result]) {
    const own = written(side);
    if (own === before?.own) continue;
    text += before === null ? own : ` ${isEqual(before.side, side) ? "=" : "≈"} ${own}`;
    before = {side, own};
  }
  return text;
}

function isEqual(left, right) {
  const isPair = Array.isArray(left) && Array.isArray(right) && left[0] === "exp" && right[0] === "exp";
  const [first, second] = (isPair ? [left[1], right[1]] : [left, right]).map(worked);
  return first !== null && second !== null && difference(first, second)[0] === 0n;
}

/** Return a sum with only so many terms shown: the first four and the last two, with the rest as one number. */
function shortSum(terms, values, most = 16) {
  if (terms.length <= most) return terms.length === 1 ? terms[0] : ["sum", ...terms];
  const rest = values.slice(4, -2).reduce((a, b) => a + b, 0);
  return ["sum", ...terms.slice(0, 4), {...printed(rest), more: terms.length - 6}, ...terms.slice(-2)];
}

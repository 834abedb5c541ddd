// Numbers as explain prints them, and as a file holds them.

const NOISE = 1e-13; // a sum of decimals in binary is off by less
const LARGE = 1e10; // from here on an exponent reads better than the digits

/** Return `value` with `digits` decimals, with halves rounded to even as in Python. */
function fixed(value, digits) {
  const text = value.toFixed(digits);
  const isHalf = Number.isInteger(value * 2 ** (digits + 1)) && (Math.abs(value) * 2 * 10 ** digits) % 2 === 1;
  if (!isHalf || Number(text.at(-1)) % 2 === 0) return text;
  const whole = Math.abs(value) * 10 ** digits - 0.5;
  return (Math.sign(value) * whole / 10 ** digits).toFixed(digits);
}

/** d.ddde-05: an exponent of at least two digits. */
function exponential(value, digits) {
  return value.toExponential(digits).replace(/e([+-])(\d)$/, "e$10$2");
}

/** Return `value` with `digits` decimals, or with an exponent if these would all be zero or if it is very large. */
function shown(value, digits) {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (value === 0) return (0).toFixed(digits);
  if (Math.abs(value) >= LARGE) return exponential(value, Math.max(digits, 1));
  const text = fixed(value, digits);
  return Number(text) === 0 ? exponential(value, 1) : text;
}

const isExact = (text, value) => Math.abs(Number(text) - value) <= NOISE * Math.abs(value);

/** Remove trailing zeros if the text is exact (0.5000, but not for 0.50003), and digits that come from binary. */
function trimmed(text, value) {
  if (!text.includes(".") || text.includes("e") || !isExact(text, value)) return text;
  const short = String(value);
  const own = !short.includes("e") && short.length < text.length ? short : text;
  return own.includes(".") ? own.replace(/0+$/, "").replace(/\.$/, "") : own;
}

/** Return a number with at least `significant` digits, so that results can be computed from it. */
function numeral(value, digits = 4, significant = 3) {
  const text = trimmed(shown(value, digits), value);
  if (value === 0 || !Number.isFinite(value) || Math.abs(value) >= 10 ** (significant - 1 - digits) || isExact(text, value)) return text;
  const decimals = significant - 1 - Math.floor(Math.log10(Math.abs(value)));
  const more = Math.abs(value) >= 10 ** -digits && decimals < 18 ? fixed(value, decimals) : exponential(value, significant - 1);
  return trimmed(more, value);
}

/** Return a factor with two more decimals, so that the last digit of its products is right. */
const factor = (value) => numeral(value, 6);

/** Return the shortest text that reads back to the same number. */
function whole(value) {
  if (Number.isFinite(value)) return Object.is(value, -0) ? "-0" : String(value);
  return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

/** Return a text with the minus and infinity signs that people write. */
const typeset = (text) => text.replace(/^-/, "−").replace("inf", "∞");

/** Return typed text as a finite number (fractions included), or null if it is not one. */
function parsed(text) {
  const plain = text.trim().replace(/−/g, "-").replace(",", ".");
  const [above, below, ...rest] = plain.split("/");
  if (rest.length || !isDecimal(above) || (below !== undefined && !isDecimal(below))) return null;
  const value = below === undefined ? Number(above) : Number(above) / Number(below);
  return Number.isFinite(value) ? value : null;
}

const isDecimal = (text) => /^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$/.test(text);

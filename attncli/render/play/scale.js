// Scale expressions: numbers, dk, n and m with + - * / ** ( ) and sqrt, log; parsed, never evaluated as code.

/** Return the value of `text`, or null if it is not a scale. */
function evaluatedScale(text, sizes) {
  const tokens = text.match(/\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|[A-Za-z_]+|\*\*|[-+*/^()−·√]|\S/g) ?? [];
  const next = (...choices) => (choices.includes(tokens[0]) ? tokens.shift() : null);
  const fail = () => {
    throw new SyntaxError(text);
  };
  function sum() {
    let left = product();
    for (let sign; (sign = next("+", "-", "−")); ) left = sign === "+" ? left + product() : left - product();
    return left;
  }
  function product() {
    let left = signed();
    for (let sign; (sign = next("*", "·", "/")); ) left = sign === "/" ? left / signed() : left * signed();
    return left;
  }
  function signed() {
    if (next("-", "−")) return -signed();
    return next("+") ? signed() : power();
  }
  function power() {
    const base = atom();
    return next("**", "^") ? base ** signed() : base;
  }
  function atom() {
    const token = tokens.shift() ?? fail();
    if (token === "(") {
      const inner = sum();
      return next(")") ? inner : fail();
    }
    if (token === "sqrt" || token === "√") return Math.sqrt(atom());
    if (token === "log") return Math.log(atom());
    if (["dk", "d_k", "d"].includes(token)) return sizes.dk;
    if (token in sizes) return sizes[token];
    return /^[\d.]/.test(token) ? Number(token) : fail();
  }
  try {
    const value = sum();
    return tokens.length === 0 && Number.isFinite(value) ? value : null;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RangeError) return null;
    throw error;
  }
}

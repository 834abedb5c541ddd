// The controls and their texts.

/** Convert between a slider's position and its number. Equal steps are equal factors. */
const LOGARITHMIC = {place: Math.log10, value: (place) => tidy(Number((10 ** place).toPrecision(3)))};
const LINEAR = {place: (value) => value, value: (place) => place};

/** The numbers that have a text field and a slider. `none` is the meaning of an empty field. */
const DIALS = {
  length_scale: {spacing: LOGARITHMIC, none: null, usual: 1},
  temperature: {spacing: LOGARITHMIC, none: 1, usual: 1},
  softcap: {spacing: LOGARITHMIC, none: null, usual: 100},
  sink: {spacing: LINEAR, none: null, usual: -10},
};

function setUpControls() {
  for (const variant of Object.values(VARIANTS)) $("variant").append(element("option", {value: variant.name}, variant.name));
  $("variant").addEventListener("change", ({target}) => change((state) => {
    state.variant = target.value;
    if (!VARIANTS[target.value].power) state.length_scale = null;
  }));
  for (const name of ["softmax", ...Object.keys(NORMALIZERS)]) $("normalizer").append(element("option", {value: name}, name));
  $("normalizer").addEventListener("change", ({target}) => change((state) => {
    state.normalizer = target.value;
    if (target.value !== "softmax") state.sink = null;
  }));
  $("scale").addEventListener("change", ({target}) => takeScale(target.value.trim()));
  for (const mark of document.querySelectorAll("[data-scale]")) mark.addEventListener("click", () => takeScale(mark.dataset.scale));
  onSlide($("scale-slider"), (slider, options) => change((state) => {
    state.scale = String(LOGARITHMIC.value(Number(slider.value)));
    state.length_scale = null;
  }, options));
  $("causal").addEventListener("change", ({target}) => change((state) => (state.causal = target.checked)));
  for (const side of ["window-left", "window-right"]) $(side).addEventListener("change", takeWindow);
  for (const [name, dial] of Object.entries(DIALS)) setUpDial(name, dial);
  setUpMover();
  for (const [id, action] of Object.entries({undo, reset, "copy-link": copyLink, "copy-file": copyFile, print: () => print()})) $(id).addEventListener("click", action);
  document.addEventListener("keydown", (event) => {
    const isField = event.target.matches?.("input[type=text]");
    if ((event.ctrlKey || event.metaKey) && event.key === "z" && !event.shiftKey && !(isField && isBeingEdited(event.target))) {
      event.preventDefault();
      undo();
    }
  });
  if (PARTS.length > 1) setUpParts();
}

/** Return whether the text of a field differs from the page's number. */
const isBeingEdited = (input) => input.dataset.value !== undefined && input.value !== input.dataset.value;

/** Update the page while a slider moves, and record one change when it is released. */
function onSlide(slider, take) {
  slider.addEventListener("input", () => take(slider, {passing: true}));
  slider.addEventListener("change", () => take(slider, {}));
}

function setUpDial(name, {spacing, none}) {
  $(name).addEventListener("change", ({target}) => {
    const value = target.value.trim() === "" ? none : SETTINGS[name].read(target.value.trim());
    target.setAttribute("aria-invalid", value === undefined);
    if (value === undefined) announce(`“${target.value}” is not ${name === "sink" ? "a number" : "a number above 0"}`);
    else takeDial(name, value, {});
  });
  onSlide($(`${name}-slider`), (slider, options) => takeDial(name, spacing.value(Number(slider.value)), options));
}

function takeDial(name, value, options) {
  change((state) => {
    state[name] = value;
    if (name === "sink" && value !== null) state.normalizer = "softmax"; // only its sum can be joined
    if (name === "length_scale" && value !== null) state.scale = ""; // both set the scale: the later wins
  }, options);
}

function takeScale(text) {
  const isScale = text === "" || evaluatedScale(text, SIZES) !== null;
  $("scale").setAttribute("aria-invalid", !isScale);
  if (!isScale) {
    announce(`“${text}” is not a scale: a number or an expression of dk, as 1/sqrt(dk), 1/dk, 0.125`);
    return;
  }
  change((state) => {
    state.scale = text;
    if (text) state.length_scale = null;
  });
}

function takeWindow() {
  const sides = ["window-left", "window-right"].map((id) => $(id).value.trim() || "-1");
  const value = windowOf(sides.join(","));
  for (const id of ["window-left", "window-right"]) $(id).setAttribute("aria-invalid", value === undefined);
  if (value === undefined) announce("a side of the window is a whole number; empty is unbounded");
  else change((state) => (state.window = value.every((side) => side === -1) ? null : value));
}

function setUpParts() {
  PARTS.forEach((part, number) => $("part").append(element("option", {value: number}, part.name)));
  $("part-control").hidden = false;
  $("part").addEventListener("change", ({target}) => change((state) => (state.part = Number(target.value))));
}

function setUpMover() {
  DATA.labels.queries.forEach((label, row) => $("mover-row").append(element("option", {value: row}, label)));
  DATA.labels.features.forEach((label, column) => $("mover-column").append(element("option", {value: column}, label)));
  for (const id of ["mover-row", "mover-column"]) {
    $(id).addEventListener("change", () => change((state) => (state.move = [Number($("mover-row").value), Number($("mover-column").value)])));
  }
  onSlide($("mover"), (slider, options) => {
    const [row, column] = movedCell();
    change((state) => (state.queries[state.part][row][column] = tidy(Number(slider.value))), options);
  });
}

/** Show the state in the controls. */
function fillControls(state) {
  const variant = VARIANTS[state.variant];
  $("variant").value = state.variant;
  $("variant-words").textContent = `${variant.formula}: ${variant.compared} (${variant.source})`;
  $("normalizer").value = state.normalizer;
  $("normalizer-words").textContent = NORMALIZERS[state.normalizer]?.explained ?? "exponentials over their sum";
  const scale = scaleOf(state);
  setField("scale", state.scale);
  $("scale").placeholder = variant.power ? variant.scale : variant.scale.replace("sqrt(dk)", "√d_k");
  $("scale-slider").value = Math.log10(Math.max(scale * state.temperature, 1e-3));
  $("scale-slider").setAttribute("aria-valuetext", numeral(scale * state.temperature));
  $("scale-value").textContent = `× ${typeset(numeral(scale, 6))}`;
  for (const mark of document.querySelectorAll("[data-scale]")) {
    mark.setAttribute("aria-pressed", (state.scale || (variant.power ? "" : variant.scale)) === mark.dataset.scale);
  }
  $("length-control").hidden = !variant.power;
  for (const [name, {spacing, none, usual}] of Object.entries(DIALS)) {
    setField(name, state[name] === none ? "" : whole(state[name]));
    $(`${name}-slider`).value = spacing.place(state[name] ?? usual);
    $(`${name}-slider`).setAttribute("aria-valuetext", state[name] === null ? (name === "length_scale" ? "1" : "none") : numeral(state[name]));
  }
  $("causal").checked = state.causal;
  const [left, right] = state.window ?? [-1, -1];
  setField("window-left", left === -1 ? "" : String(left));
  setField("window-right", right === -1 ? "" : String(right));
  $("part").value = state.part;
  $("undo").disabled = past.length === 0;
  $("reset").disabled = addressOf(state) === "";
  $("formula").replaceChildren(...withIndices(formulaOf(state)));
}

function setField(id, text) {
  $(id).value = text;
  $(id).setAttribute("aria-invalid", false);
}

/** Return output = softmax(QKᵀ/√d_k)V with the settings in force, as run writes it. */
function formulaOf(state) {
  const inside = state.temperature === 1 ? "" : " / T";
  let text = written(substituted(scaledFormula(state), {})) + (VARIANTS[state.variant].isConstant ? "" : inside);
  if (state.softcap !== null) text = `${typeset(whole(state.softcap))}·tanh((${text}) / ${typeset(whole(state.softcap))})`;
  if (PARTS[state.part].bias) text = `${text} + bias`;
  return HAS_VALUES ? `output = ${state.normalizer}(${text})V` : `weights = ${state.normalizer}(${text})`;
}

/** Return the similarity with the scale in force: divided by √d_k, d_k or ℓ, or times the number in the field. */
function scaledFormula(state) {
  const {similarity, power, scale, lengthSymbol, isConstant} = VARIANTS[state.variant];
  if (isConstant) return similarity;
  const text = state.scale || (power ? lengthSymbol : scale);
  const divisor = /^1\/sqrt\((dk|d_k)\)$/.test(text) ? "√d_k" : /^1\/(dk|d_k)$/.test(text) ? "d_k" : state.scale ? null : lengthSymbol || null;
  if (divisor !== null) {
    if (similarity[0] === "fraction") return ["fraction", similarity[1], ["join", similarity[2], divisor]];
    return ["fraction", similarity, divisor];
  }
  if (scaleOf(state) * state.temperature === 1) return similarity;
  return ["product", similarity, text.replace(/sqrt\((dk|d_k)\)/g, "√d_k").replace(/\bdk\b/g, "d_k")];
}

/** Return the text with the k of d_k as a subscript. */
function withIndices(text) {
  return text.split(/(?<=d)_(?=k)/).flatMap((piece, place) => (place ? [element("sub", {}, piece[0]), piece.slice(1)] : [piece]));
}

// copying

async function copyText(text, said) {
  try {
    await navigator.clipboard.writeText(text);
    announce(said);
  } catch {
    $("copy-text").value = text;
    $("copy-dialog").showModal();
    $("copy-text").select();
  }
}

const copyLink = () => copyText(location.href, "the link is copied: it shows what you see");
const copyFile = () => copyText(problemFile(current), "the problem file is copied: attncli run reads it");

/** Say something to everybody, those who listen too. */
function announce(text) {
  $("status").textContent = text;
}

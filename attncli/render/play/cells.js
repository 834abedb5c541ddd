// The matrices: editable inputs, and results as heat maps with keyboard navigation.

/** Make an element with attributes and children. Texts are never parsed as HTML. */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== null) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const $ = (id) => document.getElementById(id);

function heading(label, scope) {
  return element("th", {scope, title: label}, element("span", {}, label));
}

/** Make a table with headers. `cell(row, column)` makes the contents of each cell. */
function tableOf(rowLabels, columnLabels, corner, cell) {
  const head = element("tr", {}, element("td", {class: "corner"}, corner), ...columnLabels.map((label) => heading(label, "col")));
  const rows = rowLabels.map((label, row) =>
    element("tr", {}, heading(label, "row"), ...columnLabels.map((_, column) => cell(row, column))),
  );
  return element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows));
}

const AXES = {
  queries: ["queries", "features"], keys: ["keys", "features"], values: ["keys", "values"],
  raw_scores: ["queries", "keys"], scores: ["queries", "keys"], weights: ["queries", "keys"], output: ["queries", "values"],
};
const NOUNS = {queries: "Q", keys: "K", values: "V", ...MATRIX_NAMES};
const labelsOf = (matrix) => (matrix === "lse" ? [DATA.labels.queries, ["lse"]] : AXES[matrix].map((axis) => DATA.labels[axis]));
const fields = {}; // inputs and cells by matrix, [row][column]

/** Store the cell's position in it. `data-value` follows with its number. */
function placed(made, matrix, row, column) {
  made.dataset.matrix = matrix;
  made.dataset.row = row;
  made.dataset.column = column;
  fields[matrix] ??= [];
  (fields[matrix][row] ??= [])[column] = made;
  return made;
}

/** Make an editable matrix. */
function inputTable(matrix) {
  const [rows, columns] = labelsOf(matrix);
  const table = tableOf(rows, columns, "", (row, column) => {
    const input = element("input", {
      type: "text", inputmode: "text", autocomplete: "off", spellcheck: "false", size: 5,
      "aria-label": `${NOUNS[matrix]}: ${rows[row]}, ${columns[column]}`,
      tabindex: row === 0 && column === 0 ? 0 : -1,
    });
    return element("td", {}, placed(input, matrix, row, column));
  });
  table.className = "input";
  table.addEventListener("focusin", ({target}) => enter(target));
  table.addEventListener("change", ({target}) => edit(target));
  table.addEventListener("keydown", walkInputs);
  return table;
}

/** Make a result as a heat map. */
function resultTable(matrix) {
  const [rows, columns] = labelsOf(matrix);
  const table = tableOf(rows, columns, "", (row, column) => {
    const isFirst = row === 0 && column === 0;
    return placed(element("td", {role: "gridcell", tabindex: isFirst ? 0 : -1}), matrix, row, column);
  });
  table.className = `result ${matrix}`;
  if (columns.length > 12) {
    table.classList.add("dense");
    table.dataset.digits = 2; // the whole number is in the arithmetic
  }
  table.setAttribute("role", "grid");
  table.addEventListener("focusin", ({target}) => choose(target));
  table.addEventListener("click", ({target}) => target.closest("td[data-matrix]")?.focus());
  table.addEventListener("pointerover", ({target, pointerType}) => pointerType !== "touch" && look(target.closest("td[data-matrix]")));
  table.addEventListener("pointerleave", () => look(null));
  table.addEventListener("keydown", walkCells);
  return table;
}

const placeOfCell = ({dataset}) => ({matrix: dataset.matrix, row: Number(dataset.row), column: Number(dataset.column)});

/** Return the number of an input cell on the page. */
function inputValue(state, {matrix, row, column}) {
  return state[matrix][ownMatrix(state, matrix)][row][column];
}

function enter(input) {
  if (!input.dataset?.matrix) return;
  makeCurrent(input);
  input.select();
  const {matrix, row, column} = placeOfCell(input);
  if (matrix !== "queries") return;
  current.move = [row, column];
  sayAddress(addressOf(current));
  drawMover();
}

function edit(input) {
  const place = placeOfCell(input);
  const value = parsed(input.value);
  input.setAttribute("aria-invalid", value === null);
  if (value === null) {
    announce(`“${input.value}” is not a number: write 0.5, -2, 1e-3 or 1/3`);
    return;
  }
  change((state) => {
    state[place.matrix][ownMatrix(state, place.matrix)][place.row][place.column] = value;
  });
}

/** Let Tab stop at only one cell of each table, the last one visited. */
function makeCurrent(cell) {
  for (const other of cell.closest("table").querySelectorAll('[tabindex="0"]')) other.tabIndex = -1;
  cell.tabIndex = 0;
}

const STEPS = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], Enter: [1, 0]};

function neighbour(cell, [down, right]) {
  const {matrix, row, column} = placeOfCell(cell);
  return fields[matrix][row + down]?.[column + right];
}

function walkInputs(event) {
  const input = event.target;
  if (event.key === "Escape") {
    input.value = whole(inputValue(current, placeOfCell(input)));
    input.setAttribute("aria-invalid", false);
    input.select();
  }
  if (event.shiftKey && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
    event.preventDefault();
    const value = parsed(input.value);
    if (value === null) return;
    input.value = whole(tidy(value + (event.key === "ArrowUp" ? 0.1 : -0.1)));
    edit(input);
    input.select();
    return;
  }
  const step = STEPS[event.key];
  if (!step || event.altKey || event.ctrlKey || event.metaKey) return;
  const isInside = step[1] !== 0 && input.selectionEnd - input.selectionStart < input.value.length;
  const atEdge = step[1] < 0 ? input.selectionEnd === 0 : input.selectionStart === input.value.length;
  if (isInside && !atEdge) return;
  const next = neighbour(input, step);
  if (event.key === "Enter" && !next) edit(input);
  if (!next) return;
  event.preventDefault();
  next.focus();
}

function walkCells(event) {
  const cell = event.target.closest("[data-matrix]");
  if (!cell || event.altKey || event.ctrlKey || event.metaKey) return;
  const {matrix, row} = placeOfCell(cell);
  const ends = {Home: fields[matrix][row][0], End: fields[matrix][row].at(-1)};
  const next = ends[event.key] ?? (STEPS[event.key] && event.key !== "Enter" ? neighbour(cell, STEPS[event.key]) : null);
  if (!next) return;
  event.preventDefault();
  next.focus();
}

/** Return a sum of tenths without its rounding error. */
const tidy = (value) => Number(value.toPrecision(12));

// colours

/** Return the colour of 0 … 1, and black or white for the text, whichever has the higher contrast. */
function heat(share) {
  const place = Math.min(Math.max(share, 0), 1) * (HEAT.length - 1);
  const low = Math.min(Math.floor(place), HEAT.length - 2);
  const rgb = HEAT[low].map((part, axis) => Math.round(part + (HEAT[low + 1][axis] - part) * (place - low)));
  const linear = rgb.map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
  const light = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  const ink = (light + 0.05) / 0.05 >= 1.05 / (light + 0.05) ? "#000" : "#fff";
  return {background: `rgb(${rgb.join(",")})`, ink};
}

/** Map the numbers from the smallest to the largest finite one to 0 … 1. */
function sharesOf(rows) {
  const all = rows.flat().filter(Number.isFinite);
  const [low, high] = [Math.min(...all), Math.max(...all)];
  return (value) => (high > low ? (value - low) / (high - low) : 0.5);
}

function fillInputs(state) {
  for (const matrix of Object.values(MATRICES)) {
    const numbers = state[matrix][ownMatrix(state, matrix)];
    fields[matrix]?.forEach((inputs, row) =>
      inputs.forEach((input, column) => {
        const text = whole(numbers[row][column]);
        input.dataset.value = text;
        if (document.activeElement !== input || parsed(input.value) !== numbers[row][column]) input.value = text;
        input.classList.toggle("changed", !Object.is(numbers[row][column], START[matrix][ownMatrix(state, matrix)][row][column]));
      }),
    );
  }
}

function fillResults(rows) {
  const numbers = {
    raw_scores: rows.map((row) => row.raw),
    scores: rows.map((row) => row.scores),
    weights: rows.map((row) => row.weights),
    output: rows.map((row) => row.output),
    lse: rows.map((row) => [row.lse]),
  };
  const largest = Math.max(...numbers.weights.flat().filter(Number.isFinite), 0);
  for (const [matrix, values] of Object.entries(numbers)) {
    if (!fields[matrix]) continue;
    const share = matrix === "weights" ? (value) => (largest > 0 ? value / largest : 0) : sharesOf(values);
    const isHeat = matrix !== "output" && matrix !== "lse";
    values.forEach((row, i) =>
      row.forEach((value, j) => fillCell(fields[matrix][i][j], value, isHeat && share(value), isHeat && matrix !== "raw_scores" && !rows[i].allowed[j], matrix, row)),
    );
  }
  $("largest").textContent = shown(largest, 2);
}

function fillCell(cell, value, share, isMasked, matrix, row) {
  const text = whole(value);
  const isTop = matrix === "weights" && !isMasked && value === Math.max(...row) && row.some((other) => other < value);
  const state = `${text} ${share} ${isMasked} ${isTop}`;
  if (cell.shownState === state) return;
  cell.shownState = state;
  cell.dataset.value = text;
  cell.textContent = isMasked ? "·" : typeset(shown(value, cell.closest("table").dataset.digits ?? 4));
  cell.classList.toggle("masked", isMasked);
  cell.classList.toggle("best", isTop);
  const colours = share === false || isMasked || Number.isNaN(value) ? null : heat(share);
  cell.style.background = colours?.background ?? "";
  cell.style.color = colours?.ink ?? "";
  if (isMasked) cell.setAttribute("aria-label", "masked");
  else cell.removeAttribute("aria-label");
}

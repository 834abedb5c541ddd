// Set up the page, and update it when the state changes.

let rows = [];
let firstRow = 0; // the row that the slider moves until somebody chooses another
let looked = null; // the cell under the pointer, for as long as it is there

/** Return the row of the pictures: that of the selected cell. */
const focusRow = () => Math.min((looked ?? current.at)?.row ?? bestRow(), WIDTHS.n - 1);

/** Return the row that is selected first: the least uniform one with several keys. */
function bestRow() {
  const hasChoice = (row) => row.allowed.filter(Boolean).length > 1;
  const tops = rows.map((row) => (hasChoice(row) ? Math.max(...row.weights.filter(Number.isFinite), 0) : 0));
  return Math.max(tops.lastIndexOf(Math.max(...tops)), 0);
}

function shownCell() {
  if (looked ?? current.at) return looked ?? current.at;
  const row = bestRow();
  return {matrix: "weights", row, column: Math.max(rows[row].weights.indexOf(Math.max(...rows[row].weights)), 0)};
}

function refresh() {
  rows = attend(current, current.part);
  fillControls(current);
  fillInputs(current);
  fillResults(rows);
  redraw();
  const isOverflow = rows.some((row) => row.hasKey && !row.weights.every(Number.isFinite));
  $("overflow").hidden = !isOverflow;
}

function redraw() {
  drawMover();
  drawFocus();
}

function drawFocus() {
  const cell = shownCell();
  drawBands(rows, focusRow());
  drawValues(current, rows, focusRow());
  for (const other of document.querySelectorAll("td.at")) other.classList.remove("at");
  fields[cell.matrix]?.[cell.row]?.[cell.column]?.classList.add("at");
  const {title, lines, words} = arithmeticOf(current, rows, cell);
  $("scale-words").replaceChildren(...withIndices(scaleWords(current, rows[focusRow()], focusRow())));
  $("arithmetic-title").textContent = title;
  $("arithmetic-words").textContent = words;
  $("arithmetic-lines").replaceChildren(...lines.flatMap((line) => {
    const kinds = [line.isSum && "sum", line.isResult && "is-result"].filter(Boolean).join(" ");
    const work = element("dd", {class: kinds}, ...pieces(line.text));
    if (line.note) work.append(element("span", {class: "note"}, ` ${line.note}`));
    return [element("dt", {class: kinds}, line.name), work];
  }));
}

/** Return a text that may be broken before a plus and an equals sign. */
function pieces(text) {
  return text.split(/(?= [=≈+] | − (?=[\d√|(]))/).flatMap((piece, place) => [...(place ? [document.createElement("wbr")] : []), element("span", {class: "piece"}, place ? piece.trimStart() : piece), " "]);
}

/** Select the largest weight of the query whose name or numbers are under the pointer, and highlight its bands. */
function lookAlong(target) {
  const row = target.closest("[data-query]")?.dataset.query ?? target.closest("tr")?.querySelector("[data-row]")?.dataset.row;
  if (row === undefined) return;
  const weights = rows[row].weights;
  look(fields.weights[row][Math.max(weights.indexOf(Math.max(...weights)), 0)]);
}

function look(cell) {
  const place = cell && placeOfCell(cell);
  if (JSON.stringify(place) === JSON.stringify(looked)) return;
  looked = place;
  drawFocus();
}

function choose(target) {
  const cell = target.closest("td[data-matrix]");
  if (!cell) return;
  makeCurrent(cell);
  looked = null;
  current.at = placeOfCell(cell);
  sayAddress(addressOf(current));
  drawFocus();
}

function setUp() {
  for (const [id, matrix] of Object.entries({q: "queries", k: "keys", v: "values"})) {
    if (matrix !== "values" || HAS_VALUES) $(id).append(inputTable(matrix));
  }
  $("v-card").hidden = !HAS_VALUES;
  $("output-section").hidden = !HAS_VALUES;
  $("values-figure").hidden = !HAS_VALUES || WIDTHS.dv > 2;
  for (const matrix of ["raw_scores", "scores", "weights", "lse", ...(HAS_VALUES ? ["output"] : [])]) {
    const table = resultTable(matrix);
    table.setAttribute("aria-label", {raw_scores: "raw scores", lse: "log-sum-exps"}[matrix] ?? matrix);
    $(matrix).append(table);
  }
  // parts of a large page that are out of view are not laid out
  for (const card of document.querySelectorAll(".card")) card.classList.toggle("many", card.querySelectorAll("[data-matrix]").length > 512);
  $("bands").addEventListener("click", ({target}) => {
    const query = target.closest("[data-query]")?.dataset.query;
    if (query !== undefined) fields.weights[query][0].focus({preventScroll: true});
  });
  for (const id of ["bands", "q"]) {
    $(id).addEventListener("pointerover", ({target, pointerType}) => pointerType !== "touch" && lookAlong(target));
    $(id).addEventListener("pointerleave", () => look(null));
  }
  $("legend").style.background = `linear-gradient(to right, ${HEAT.map((rgb) => `rgb(${rgb.join(",")})`).join(", ")})`;
  setUpControls();
  $("settings").open = !matchMedia("(max-width: 48rem)").matches;
  rows = attend(current, current.part);
  firstRow = bestRow();
  addEventListener("hashchange", readAddress);
  addEventListener("resize", redraw);
  addEventListener("beforeprint", () => ($("settings").open = true));
  readAddress();
  document.documentElement.dataset.ready = "true";
}

setUp();

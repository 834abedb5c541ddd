// The pictures: bands from queries to keys, the values and their average, and the weights as a number of Q moves.

const DASHES = ["", "7 3", "2 3", "9 3 2 3", "4 4", "12 4"];
const HUES = ["--c0", "--c1", "--c2", "--c3", "--c4", "--c5"];

function svg(name, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const cut = (text, most) => ([...text].length > most ? `${[...text].slice(0, most - 1).join("")}…` : text);

/** The size of a picture, which does not change the size of its letters. */
const widthOf = (id, most) => Math.min($(id).clientWidth || most, most);

/** Draw bands from each query to its keys, as wide as the weight. Those of the selected query are highlighted. */
function drawBands(rows, focus) {
  const [n, m] = [WIDTHS.n, WIDTHS.m];
  const step = Math.max(n, m) > 24 ? 18 : 30;
  const height = Math.max(n, m) * step + 12;
  const width = widthOf("bands", 620);
  const [left, right] = [Math.min(width * 0.27, 150), width - Math.min(width * 0.38, 210)];
  const letters = Math.floor((left - 4) / 7.2);
  const y = (place, count) => height / 2 + (place - (count - 1) / 2) * step;
  const thickest = Math.min(step * 0.8, 22);
  const picture = svg("svg", {viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": bandsInWords(rows[focus], focus)});
  const bands = svg("g", {class: "bands"});
  const order = [...rows.keys()].sort((a, b) => (a === focus) - (b === focus));
  for (const i of order) {
    rows[i].weights.forEach((weight, j) => {
      if (!(weight > 0.001)) return;
      const [from, to] = [y(i, n), y(j, m)];
      const path = `M${left + 8} ${from}C${(left + right) / 2} ${from} ${(left + right) / 2} ${to} ${right - 8} ${to}`;
      bands.append(svg("path", {
        d: path, class: i === focus ? "own" : "other", "stroke-width": Math.max(weight * thickest, 0.75).toFixed(2),
        "stroke-opacity": i === focus ? (0.35 + 0.6 * weight).toFixed(3) : (0.1 + 0.25 * weight).toFixed(3),
      }));
    });
  }
  picture.append(bands);
  DATA.labels.queries.forEach((label, i) => {
    const text = svg("text", {x: left, y: y(i, n) + 4.5, "text-anchor": "end", class: i === focus ? "query own" : "query", "data-query": i}, cut(label, letters));
    text.append(svg("title", {}, label));
    picture.append(text);
  });
  DATA.labels.keys.forEach((label, j) => {
    const weight = rows[focus].weights[j];
    const isTop = weight > 0 && weight === Math.max(...rows[focus].weights);
    const text = svg("text", {x: right, y: y(j, m) + 4.5, class: isTop ? "key top" : "key"}, cut(label, Math.floor((width - right - 56) / 7.2)));
    text.append(svg("title", {}, label));
    const share = rows[focus].allowed[j] ? (Number.isFinite(weight) ? `${(weight * 100).toFixed(weight < 0.0995 ? 1 : 0)} %` : "–") : "masked";
    picture.append(text, svg("text", {x: width - 2, y: y(j, m) + 4.5, "text-anchor": "end", class: "share"}, share));
  });
  $("bands").replaceChildren(picture);
}

function bandsInWords(row, focus) {
  const name = DATA.labels.queries[focus];
  if (!row.hasKey) return `${name} may attend to no key`;
  const best = row.weights.indexOf(Math.max(...row.weights));
  return `Bands from queries to keys, as wide as the weight. ${name} attends most to ${DATA.labels.keys[best]}, with ${percent(row.weights[best])}.`;
}

/** Draw values of one or two columns, as large as their weight, and their average. */
function drawValues(state, rows, focus) {
  if (!HAS_VALUES || WIDTHS.dv > 2) return;
  const values = state.values[PARTS[state.part].keys];
  const points = values.map((value) => [value[0], value[1] ?? 0]);
  const average = [rows[focus].output[0], rows[focus].output[1] ?? 0];
  if (![...points.flat(), ...average].every(Number.isFinite)) return;
  const isLine = WIDTHS.dv === 1;
  const [width, height, margin] = [widthOf("values-picture", 430), isLine ? 120 : 320, 46];
  const x = axis(points.map((point) => point[0]), margin, width - margin);
  const y = isLine ? {at: () => height - 60, ticks: []} : axis(points.map((point) => point[1]), height - margin, margin / 2);
  const picture = svg("svg", {viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": valuesInWords(rows[focus], focus)});
  const base = isLine ? height - 60 : height - margin + 8;
  picture.append(svg("line", {x1: margin - 12, x2: width - margin + 12, y1: base, y2: base, class: "axis"}));
  for (const tick of x.ticks) picture.append(svg("text", {x: x.at(tick), y: base + 20, "text-anchor": "middle", class: "tick"}, typeset(String(tick))));
  for (const tick of y.ticks) picture.append(svg("text", {x: margin - 16, y: y.at(tick) + 4, "text-anchor": "end", class: "tick"}, typeset(String(tick))));
  picture.append(svg("text", {x: width - margin + 12, y: base + 38, "text-anchor": "end", class: "name"}, cut(DATA.labels.values[0], 30)));
  if (!isLine) picture.append(svg("text", {x: 4, y: 12, class: "name"}, cut(DATA.labels.values[1], 30)));
  const weights = rows[focus].weights;
  points.forEach((point, j) => {
    if (weights[j] > 0.001) picture.append(svg("line", {x1: x.at(average[0]), y1: y.at(average[1]), x2: x.at(point[0]), y2: y.at(point[1]), class: "pull", "stroke-opacity": (0.15 + 0.7 * weights[j]).toFixed(3)}));
  });
  const order = [...points.keys()].sort((a, b) => weights[b] - weights[a]);
  const taken = [];
  for (const j of order) {
    const [cx, cy] = [x.at(points[j][0]), y.at(points[j][1])];
    const mark = svg("circle", {cx, cy, r: (3 + 19 * Math.sqrt(Math.max(weights[j], 0))).toFixed(2), class: "value"});
    mark.append(svg("title", {}, `${DATA.labels.keys[j]}: ${percent(weights[j])}`));
    picture.append(mark);
    const label = cut(DATA.labels.keys[j], 18);
    const top = cy - (8 + 19 * Math.sqrt(Math.max(weights[j], 0)));
    const box = [cx - label.length * 3.4, cx + label.length * 3.4, top - 12, top + 2];
    if (taken.some((other) => box[0] < other[1] && other[0] < box[1] && box[2] < other[3] && other[2] < box[3])) continue;
    taken.push(box);
    picture.append(svg("text", {x: Math.min(Math.max(cx, label.length * 3.4), width - label.length * 3.4), y: Math.max(top, 11), "text-anchor": "middle", class: "label"}, label));
  }
  const [ax, ay] = [x.at(average[0]), y.at(average[1])];
  picture.append(svg("path", {d: `M${ax} ${ay - 9}l9 9l-9 9l-9 -9z`, class: "average"}));
  $("values-picture").replaceChildren(picture);
  const place = average.slice(0, WIDTHS.dv).map((value) => typeset(numeral(value))).join(", ");
  $("values-caption").textContent = `◆ the output of “${DATA.labels.queries[focus]}”, ${WIDTHS.dv === 2 ? `(${place})` : place}, is pulled towards each value by its weight; a circle’s area is the weight.`;
}

function valuesInWords(row, focus) {
  return `Where the values lie, and the output of ${DATA.labels.queries[focus]} among them: ${row.output.map((value) => numeral(value)).join(", ")}.`;
}

/** Make a linear axis over the numbers and 0, with a few round ticks. */
function axis(numbers, from, to) {
  let [low, high] = [Math.min(0, ...numbers), Math.max(0, ...numbers)];
  if (low === high) [low, high] = [-1, 1];
  const rough = (high - low) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor_) => factor_ * power >= rough) ?? 10);
  const ticks = [];
  for (let tick = Math.ceil(low / step) * step; tick <= high + step * 1e-9; tick += step) ticks.push(tidy(tick));
  return {at: (value) => from + ((value - low) / (high - low)) * (to - from), ticks};
}

// the slider that moves one number of Q

function rangeOfMover() {
  const all = START.queries[current.part].flat();
  const most = Math.max(1, ...all.map(Math.abs));
  const power = 10 ** Math.floor(Math.log10(most));
  const reach = Number.isFinite(most) ? power * ([1, 2, 5, 10].find((factor_) => factor_ * power >= most) ?? 10) : 1;
  return [-reach, reach];
}

const movedCell = () => current.move ?? [firstRow, 0];

function drawMover() {
  const [row, column] = movedCell();
  const [low, high] = rangeOfMover();
  const value = current.queries[current.part][row][column];
  const slider = $("mover");
  Object.assign(slider, {min: low, max: high, step: tidy((high - low) / 200)});
  slider.value = value;
  slider.setAttribute("aria-valuetext", `${numeral(value)}`);
  $("mover-value").textContent = typeset(numeral(value));
  $("mover-row").value = row;
  $("mover-column").value = column;
  drawCurves(row, column, low, high, value);
}

function drawCurves(row, column, low, high, value) {
  const width = widthOf("curves", 760);
  const [height, left, right, top, bottom] = [280, 46, Math.min(width * 0.32, 170), 12, 30];
  const x = (at) => left + ((at - low) / (high - low)) * (width - left - right);
  const samples = Array.from({length: 81}, (_, place) => low + ((high - low) * place) / 80);
  const query = [...current.queries[current.part][row]];
  const lines = samples.map((at) => {
    query[column] = at;
    return attendRow(current, current.part, row, query).weights;
  });
  const most = Math.max(...lines.flat().filter(Number.isFinite), 0);
  const ceiling = [0.1, 0.25, 0.5, 1].find((step) => most <= step) ?? 1;
  const y = (weight) => height - bottom - (weight / ceiling) * (height - top - bottom);
  const picture = svg("svg", {viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": curvesInWords(row, column, lines)});
  for (const weight of [0, ceiling / 2, ceiling]) {
    picture.append(svg("line", {x1: left, x2: width - right, y1: y(weight), y2: y(weight), class: "grid"}));
    picture.append(svg("text", {x: left - 8, y: y(weight) + 4, "text-anchor": "end", class: "tick"}, `${tidy(weight * 100)} %`));
  }
  for (const at of [low, 0, high]) picture.append(svg("text", {x: x(at), y: height - 8, "text-anchor": "middle", class: "tick"}, typeset(String(tidy(at)))));
  const last = lines.at(-1);
  const spread = last.map((_, j) => Math.max(...lines.map((weights) => weights[j])));
  const named = [...last.keys()].sort((a, b) => spread[b] - spread[a]).slice(0, HUES.length);
  last.forEach((_, j) => {
    const place = named.indexOf(j);
    const points = samples.map((at, s) => `${x(at).toFixed(1)},${y(Number.isFinite(lines[s][j]) ? lines[s][j] : 0).toFixed(1)}`).join(" ");
    const style = place < 0 ? "" : `stroke:var(${HUES[place]})`;
    picture.append(svg("polyline", {points, class: place < 0 ? "curve rest" : "curve", style, "stroke-dasharray": place < 0 ? "" : DASHES[place]}));
  });
  const heights = spreadOut(named.map((j) => y(last[j] || 0)), 15, top + 4, height - bottom);
  named.forEach((j, place) => {
    picture.append(svg("line", {x1: width - right + 2, x2: width - right + 22, y1: y(last[j] || 0), y2: heights[place], class: "leader", style: `stroke:var(${HUES[place]})`}));
    picture.append(svg("text", {x: width - right + 26, y: heights[place] + 4, class: "label", style: `fill:var(${HUES[place]})`}, cut(DATA.labels.keys[j], Math.floor((right - 28) / 7.2))));
  });
  if (value >= low && value <= high) {
    picture.append(svg("line", {x1: x(value), x2: x(value), y1: top, y2: height - bottom, class: "now"}));
    const now = attendRow(current, current.part, row, current.queries[current.part][row]).weights;
    named.forEach((j, place) => picture.append(svg("circle", {cx: x(value), cy: y(now[j] || 0), r: 4, class: "dot", style: `fill:var(${HUES[place]})`})));
  }
  $("curves").replaceChildren(picture);
}

/** Return heights that are at least `gap` apart, each as near to its own as possible. */
function spreadOut(heights, gap, low, high) {
  const order = [...heights.keys()].sort((a, b) => heights[a] - heights[b]);
  const found = [...heights];
  order.forEach((place, rank) => {
    if (rank > 0) found[place] = Math.max(found[place], found[order[rank - 1]] + gap);
    else found[place] = Math.max(found[place], low);
  });
  for (let rank = order.length - 1; rank >= 0; rank--) {
    const limit = rank === order.length - 1 ? high : found[order[rank + 1]] - gap;
    found[order[rank]] = Math.min(found[order[rank]], limit);
  }
  return found;
}

function curvesInWords(row, column, lines) {
  const best = (weights) => DATA.labels.keys[weights.indexOf(Math.max(...weights))];
  return `The weights of ${DATA.labels.queries[row]} while its ${DATA.labels.features[column]} moves: at the left end ${best(lines[0])} gets most, at the right end ${best(lines.at(-1))}.`;
}

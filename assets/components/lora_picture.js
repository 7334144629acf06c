// The rank picture: W and the two thin matrices beside it, to scale. Every slider movement redraws at
// once in the browser; Python hears of it when the slider is let go.

const SVG = "http://www.w3.org/2000/svg";
const GAP = 14;

const words = (n) => Math.round(n).toLocaleString("en");

function element(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function matrix(svg, x, y, width, height, kind, label, below) {
  svg.append(element("rect", { x, y, width: Math.max(width, 1), height: Math.max(height, 1), class: kind }));
  svg.append(element("text", { x: x + width / 2, y: y - 5, "text-anchor": "middle", "font-size": 18 }, label));
  svg.append(element("text", { x: x + width / 2, y: y + height + 18, "text-anchor": "middle", "font-size": 16 }, below));
}

// All of the picture and the numbers beside it, for one rank and alpha.
export function draw(root, data, rank, alpha) {
  const svg = root.querySelector("svg");
  svg.replaceChildren();
  const [rows, columns] = data.shapes[data.shown];
  const scale = 110 / Math.max(rows, columns);
  const [h, w, r] = [rows * scale, columns * scale, rank * scale];
  const top = 30;
  matrix(svg, 4, top, w, h, "frozen", "W", `${rows} × ${columns}`);
  let x = 4 + w + GAP;
  svg.append(element("text", { x: x + 34, y: top + h / 2, "text-anchor": "middle", "font-size": 18 },
    `+ ${alpha}/${rank} ·`));
  x += 68 + GAP;
  matrix(svg, x, top, r, h, "trained", "B", `${rows} × ${rank}`);
  x += Math.max(r, 60) + GAP + 8;
  matrix(svg, x, top, w, r, "trained", "A", `${rank} × ${columns}`);
  svg.setAttribute("viewBox", `0 0 ${Math.max(x + w + 8, 360)} ${top + Math.max(h, r) + 28}`);
  const each = data.targets.map((name) => data.shapes[name][0] + data.shapes[name][1]);
  const sum = each.reduce((a, b) => a + b, 0);
  const n = data.layers * rank * sum;
  const share = (100 * n) / (data.total + n);
  const say = (name, text) => { root.querySelector(`[data-say=${name}]`).textContent = text; };
  say("rank", rank);
  say("alpha", alpha);
  say("n", words(n));
  say("sum", `= ${data.layers} layers · ${rank} · (${each.map(words).join(" + ")})`);
  say("share", `${share.toPrecision(3)} % of all weights`);
  say("size", `${((4 * n) / 1e6).toPrecision(3)} MB as float32`);
  const full = (rows * columns) / (rank * (rows + columns));
  say("saved", full >= 1
    ? `At ${data.shown}, B and A together hold ${full.toPrecision(3)} times fewer parameters than W.`
    : `At ${data.shown}, B and A together hold more parameters than W: this rank saves nothing there.`);
  svg.setAttribute("aria-label",
    `${data.shown}: a ${rows} by ${columns} matrix, beside it ${rows} by ${rank} and ${rank} by ${columns}`);
}

export default function (component) {
  const { parentElement: root, data, setStateValue } = component;
  const rankInput = root.querySelector("[name=rank]");
  const alphaInput = root.querySelector("[name=alpha]");
  const rankOf = () => data.ranks[Number(rankInput.value)];
  const redraw = () => draw(root, data, rankOf(), Number(alphaInput.value));
  rankInput.max = data.ranks.length - 1;
  rankInput.value = data.ranks.indexOf(data.rank);
  alphaInput.value = data.alpha;
  redraw();
  const tell = () => setStateValue("chosen", { rank: rankOf(), alpha: Number(alphaInput.value) });
  for (const input of [rankInput, alphaInput]) {
    input.oninput = redraw;
    input.onchange = tell;
  }
}

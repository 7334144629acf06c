// LoRA with numbers that can be seen: a 6 x 6 matrix W, and a column B times a row A beside it. Drag a number
// of B or A up or down, or use the arrow keys: the product, and with it the sum, follows at once.

const STEP = 0.5;
const MOST = 3;
const DRAG_PX = 10;

const shown = (x) => String(Math.round(100 * x) / 100).replace("-", "−");

// What B · A and the sum are, and how many numbers each side has.
export function product(B, A) {
  return B.map((b) => A.map((a) => b * a));
}

export function sum(W, change) {
  return W.map((row, i) => row.map((w, j) => w + change[i][j]));
}

export function words(B, A) {
  const [rows, columns] = [B.length, A.length];
  const n = product(B, A).flat().filter((x) => x !== 0).length;
  return `${rows} + ${columns} = ${rows + columns} numbers are trained, and they change ${n} of the ` +
    `${rows * columns} numbers of W. Each row of B · A is a multiple of A: that is rank 1.`;
}

// Blue above zero, orange below; the more, the stronger.
function tint(x, most) {
  const strength = Math.min(1, Math.abs(x) / most) * 0.65;
  if (!x) return "rgba(138, 143, 152, 0.2)";
  return x > 0 ? `rgba(0, 114, 178, ${strength})` : `rgba(213, 94, 0, ${strength})`;
}

function fill(place, numbers) {
  place.replaceChildren(...numbers.flat().map((x) => {
    const cell = document.createElement("div");
    cell.className = "cell";
    cell.textContent = shown(x);
    cell.style.background = tint(x, 6);
    return cell;
  }));
}

export default function (component) {
  const { parentElement: root, data } = component;
  const place = (name) => root.querySelector(`[data-say=${name}]`);
  const vectors = { A: [...data.A], B: [...data.B] };

  const redraw = () => {
    const change = product(vectors.B, vectors.A);
    fill(place("W"), data.W);
    fill(place("BA"), change);
    fill(place("sum"), sum(data.W, change));
    place("words").textContent = words(vectors.B, vectors.A);
  };

  for (const [name, values] of Object.entries(vectors)) {
    place(name).replaceChildren(...values.map((_, i) => {
      const cell = document.createElement("button");
      cell.className = "cell";
      cell.setAttribute("role", "spinbutton");
      cell.setAttribute("aria-valuemin", -MOST);
      cell.setAttribute("aria-valuemax", MOST);
      cell.setAttribute("aria-label", `Number ${i + 1} of ${name}`);
      const set = (value) => {
        values[i] = Math.max(-MOST, Math.min(MOST, Math.round(value / STEP) * STEP));
        cell.textContent = shown(values[i]);
        cell.setAttribute("aria-valuenow", values[i]);
        redraw();
      };
      cell.onkeydown = (event) => {
        const by = { ArrowUp: STEP, ArrowRight: STEP, ArrowDown: -STEP, ArrowLeft: -STEP }[event.key];
        if (!by) return;
        event.preventDefault();
        set(values[i] + by);
      };
      cell.onpointerdown = (event) => {
        const [from, at] = [values[i], event.clientY];
        cell.setPointerCapture(event.pointerId);
        cell.onpointermove = (moved) => set(from + STEP * Math.round((at - moved.clientY) / DRAG_PX));
      };
      cell.onpointerup = cell.onpointercancel = () => { cell.onpointermove = null; };
      cell.textContent = shown(values[i]);
      cell.setAttribute("aria-valuenow", values[i]);
      return cell;
    }));
  }
  redraw();
}

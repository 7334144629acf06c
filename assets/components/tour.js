// The tour: frames one control after another and says what it is for. Next, Back and Skip are buttons; Escape skips.
// `stops`: {selector, title, text}. A stop whose control is not in sight is left out. No tag is spelled in here:
// Streamlit takes a script out that has one.

const NEAR_PX = 12;

function visible(selector) {
  return [...document.querySelectorAll(selector)].find((element) => {
    const { width, height, right } = element.getBoundingClientRect();
    return width > 0 && height > 0 && right > 0 && getComputedStyle(element).visibility !== "hidden";
  });
}

function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// Where a box of the given size stands beside a control: below it, else above, else inside at its top; all in sight.
function beside(control, box, screen) {
  let top = control.bottom + NEAR_PX;
  if (top + box.height > screen.height) top = control.top - box.height - NEAR_PX;
  if (top < 0) top = Math.max(NEAR_PX, control.top + NEAR_PX);
  top = Math.min(top, screen.height - box.height - NEAR_PX);
  const left = Math.max(NEAR_PX, Math.min(control.left, screen.width - box.width - NEAR_PX));
  return { top, left };
}

function tour(stops) {
  document.getElementById("tour")?.close();
  const before = document.activeElement;
  const back = make("button", { type: "button", "data-go": "-1" }, "Back");
  const next = make("button", { type: "button", "data-go": "1" });
  const skip = make("button", { type: "button", "data-go": "0" }, "Skip the tour");
  const title = make("h2", { id: "tour-title" });
  const text = make("p", { id: "tour-text" });
  const count = make("small", {});
  const frame = make("div", { "data-part": "frame" });
  const box = make(
    "div",
    { "data-part": "box", role: "dialog", "aria-labelledby": "tour-title", "aria-describedby": "tour-text" },
    title, text, make("div", {}, back, next, skip, count),
  );
  const root = make("section", { id: "tour", "aria-label": "Tour" }, frame, box);
  let at = 0;
  let control;

  function place() {
    if (!control?.isConnected) return;
    const found = control.getBoundingClientRect();
    Object.assign(frame.style, {
      top: `${found.top - 4}px`, left: `${found.left - 4}px`,
      width: `${found.width + 8}px`, height: `${found.height + 8}px`,
    });
    const { top, left } = beside(found, box.getBoundingClientRect(), { width: innerWidth, height: innerHeight });
    Object.assign(box.style, { top: `${top}px`, left: `${left}px` });
  }

  function close() {
    clearInterval(timer);
    document.removeEventListener("keydown", onKey, true);
    root.remove();
    if (before?.isConnected) before.focus();
  }

  function show(step) {
    const known = stops.filter((stop) => visible(stop.selector));
    at += step;
    if (at < 0) at = 0;
    if (at >= known.length) return close();
    const stop = known[at];
    control = visible(stop.selector);
    control.scrollIntoView({ block: "nearest" });
    title.textContent = stop.title;
    text.textContent = stop.text;
    count.textContent = `${at + 1} of ${known.length}`;
    back.disabled = at === 0;
    next.textContent = at + 1 === known.length ? "Done" : "Next";
    place();
    next.focus();
    return undefined;
  }

  function onKey(event) {
    if (event.key !== "Escape") return;
    event.preventDefault();
    close();
  }

  root.close = close;
  root.addEventListener("click", (event) => {
    const step = event.target.dataset?.go;
    if (step === "0") close();
    else if (step) show(Number(step));
  });
  document.addEventListener("keydown", onKey, true);
  const timer = setInterval(place, 200); // the page moves while it is read: answers come, a replay plays
  document.body.append(root);
  show(0);
}

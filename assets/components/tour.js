// The tour: frames one control after another and says what it is for. Next, Back and Skip are buttons; Escape skips.
// `stops`: {selector, title, text}. A stop whose control is not in sight is left out.

const NEAR_PX = 12;

function visible(selector) {
  return [...document.querySelectorAll(selector)].find((element) => {
    const { width, height, right } = element.getBoundingClientRect();
    return width > 0 && height > 0 && right > 0 && getComputedStyle(element).visibility !== "hidden";
  });
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
  const root = document.createElement("section");
  root.id = "tour";
  root.innerHTML = `<div data-part="frame"></div>
    <div data-part="box" role="dialog" aria-labelledby="tour-title" aria-describedby="tour-text">
      <h2 id="tour-title"></h2><p id="tour-text"></p>
      <div><button type="button" data-go="-1">Back</button><button type="button" data-go="1"></button>
      <button type="button" data-go="0">Skip the tour</button><small></small></div>
    </div>`;
  const [frame, box] = ["frame", "box"].map((name) => root.querySelector(`[data-part=${name}]`));
  const button = (step) => root.querySelector(`[data-go="${step}"]`);
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
    root.querySelector("h2").textContent = stop.title;
    root.querySelector("p").textContent = stop.text;
    root.querySelector("small").textContent = `${at + 1} of ${known.length}`;
    button(-1).disabled = at === 0;
    button(1).textContent = at + 1 === known.length ? "Done" : "Next";
    place();
    button(1).focus();
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

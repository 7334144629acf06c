// The time line of a recorded run: play, pause, speed, and a slider over the curve of its loss. What a moment looks
// like is not its business: it calls `show(frame, step)` whenever the latest check or the latest step changes.
// `whole` is the element that must be in sight, at least a part of it.
//
// `data`: seconds; n_steps; points, one a step: {at, step, loss}; frames, one a check: {at, step}; autoplay; and
// perhaps until, a moment beyond which nothing is shown yet, and from, where it begins.
// It stands still while it is out of sight, and shows the end where motion is not wanted.

const TICK_MS = 50;

// The index of the last of `moments` that has come by `at`; -1 before the first.
export function latest(moments, at) {
  let found = -1;
  while (found + 1 < moments.length && moments[found + 1].at <= at + 1e-9) found += 1;
  return found;
}

// Where the arrow keys lead from `at`: the moment before or after it.
export function neighbour(moments, at, forward) {
  const times = [...new Set(moments.map((moment) => moment.at))].sort((a, b) => a - b);
  const found = forward ? times.find((time) => time > at + 1e-9) : times.findLast((time) => time < at - 1e-9);
  return found ?? (forward ? times[times.length - 1] : times[0]);
}

// The curve of the loss in a box of 1000 by 100.
export function curve(points, seconds) {
  const top = Math.max(...points.map((point) => point.loss), 1e-9);
  return points
    .map((point) => `${(1000 * point.at) / seconds},${96 - (92 * point.loss) / top}`)
    .join(" ");
}

export function words(data, at) {
  const last = latest(data.points, at);
  if (last < 0) return `Step 0 of ${data.n_steps}: the base model`;
  const { step, loss } = data.points[last];
  return `Step ${step} of ${data.n_steps}, loss ${loss.toFixed(2)}`;
}

const playing = new WeakMap();

/** What a component is once it plays: drawn again by a rerun with the same data, it goes on where it is. */
export function playOnce({ parentElement: root, data }, begin) {
  const said = JSON.stringify(data);
  const old = playing.get(root);
  if (old?.said === said) return old.end;
  old?.end();
  const stop = begin(root, data);
  const found = { said, end: () => { stop(); playing.delete(root); } };
  playing.set(root, found);
  return found.end;
}

export function player(root, data, show, whole = root.host ?? root) {
  const place = (name) => root.querySelector(`[data-say=${name}]`);
  const [play, slider, status] = [place("play"), place("slider"), place("status")];
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const moments = [{ at: 0 }, ...data.points, ...data.frames, { at: data.seconds }];
  const end = Math.min(data.until ?? data.seconds, data.seconds);
  let at = still || !data.autoplay ? end : Math.min(data.from ?? 0, end);
  let [playing, inSight, speed, shown, timer, before] = [!still && data.autoplay, false, 1, "", 0, 0];

  place("curve").setAttribute("points", curve(data.points, data.seconds));
  place("checks").replaceChildren(...data.frames.map((frame) => {
    const mark = document.createElement("i");
    mark.style.left = `${(100 * frame.at) / data.seconds}%`;
    return mark;
  }));
  slider.max = data.seconds;

  const draw = () => {
    slider.value = at;
    const left = 100 - (100 * at) / data.seconds;
    place("past").style.width = `${100 - left}%`;
    place("curve").ownerSVGElement.style.clipPath = `inset(-5px ${left}% -5px 0)`;
    const said = words(data, at);
    const frame = Math.max(0, latest(data.frames, at));
    if (shown !== `${frame} ${said}`) {
      status.textContent = said;
      slider.setAttribute("aria-valuetext", said);
      show(frame, latest(data.points, at) + 1);
      shown = `${frame} ${said}`;
    }
    const name = playing ? "Pause" : at >= end ? "Play again" : "Play";
    if (play.getAttribute("aria-label") !== name) {
      play.setAttribute("aria-label", name);
      play.title = name;
      play.dataset.shows = name;
    }
    for (const button of root.querySelectorAll("[data-speed]")) {
      button.setAttribute("aria-pressed", String(Number(button.dataset.speed) === speed));
    }
  };
  const tick = () => {
    const now = performance.now();
    at = Math.min(end, at + (speed * Math.min(now - before, 4 * TICK_MS)) / 1000);
    before = now;
    if (at >= end) playing = false;
    update();
  };
  const update = () => {
    const moves = playing && inSight;
    if (moves && !timer) {
      before = performance.now();
      timer = setInterval(tick, TICK_MS);
    } else if (!moves && timer) {
      clearInterval(timer);
      timer = 0;
    }
    draw();
  };
  const goTo = (moment) => {
    [at, playing] = [Math.max(0, Math.min(end, moment)), false];
    update();
  };

  play.onclick = () => {
    if (!playing && at >= end) at = 0;
    playing = !playing;
    update();
  };
  for (const button of root.querySelectorAll("[data-speed]")) {
    button.onclick = () => {
      speed = Number(button.dataset.speed);
      update();
    };
  }
  place("end").onclick = () => goTo(end);
  slider.oninput = () => goTo(Number(slider.value));
  slider.onkeydown = (event) => {
    const forward = { ArrowRight: true, ArrowUp: true, ArrowLeft: false, ArrowDown: false }[event.key];
    if (forward === undefined) return;
    event.preventDefault();
    goTo(neighbour(moments, at, forward));
  };
  const observer = new IntersectionObserver((entries) => {
    inSight = entries[entries.length - 1].isIntersecting;
    update();
  });
  observer.observe(whole);
  update();
  return () => {
    observer.disconnect();
    clearInterval(timer);
  };
}

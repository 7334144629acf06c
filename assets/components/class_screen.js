// What holds for a screen of a class: controls that are set or paused, and the way to where everyone looks.
//
// `name`: who says it; `held`: a CSS selector of what cannot be used now, or ""; `look`: the number of the call to go
// elsewhere, or 0. What is held is `inert`: neither mouse nor keyboard reach it. Nobody is taken away while they type.

const TYPING_MS = 4000;
const LOOK_EVERY_MS = 400;
const COMMIT_MS = 300;
const TEXT = "textarea, [contenteditable=true], input:not([type=radio], [type=checkbox], [type=range])";

const screen = (window.tuningForkScreen ??= { held: new Map(), typedAt: 0, gone: 0, watcher: null });

function hold() {
  const selector = [...screen.held.values()].filter(Boolean).join(", ");
  const wanted = new Set(selector ? document.querySelectorAll(selector) : []);
  for (const element of document.querySelectorAll("[data-held]")) {
    if (wanted.has(element)) continue;
    element.inert = false;
    delete element.dataset.held;
  }
  for (const element of wanted) {
    if (element.dataset.held !== undefined && element.inert) continue;
    element.inert = true;
    element.dataset.held = "";
  }
}

function watch() {
  if (screen.watcher) return;
  let due = false;
  screen.watcher = new MutationObserver(() => {
    if (due) return;
    due = true;
    requestAnimationFrame(() => {
      due = false;
      hold();
    });
  });
  screen.watcher.observe(document.body, { childList: true, subtree: true });
  document.addEventListener("input", (event) => {
    if (event.target.matches?.(TEXT)) screen.typedAt = Date.now();
  }, true);
}

const isTyping = () => document.activeElement?.matches(TEXT) && Date.now() - screen.typedAt < TYPING_MS;

function goWhenIdle(number, go) {
  if (screen.gone >= number) return;
  screen.gone = number;
  const timer = setInterval(() => {
    if (isTyping()) return;
    clearInterval(timer);
    document.activeElement?.blur?.(); // what was typed is taken over before the page goes
    setTimeout(go, COMMIT_MS);
  }, LOOK_EVERY_MS);
}

export default function (component) {
  const { data, setTriggerValue } = component;
  watch();
  screen.held.set(data.name, data.held);
  hold();
  if (data.look) goWhenIdle(data.look, () => setTriggerValue("go", data.look));
  return () => {
    screen.held.delete(data.name);
    hold();
  };
}

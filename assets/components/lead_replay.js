// One prompt, asked at every check of a recorded run: its answers one below the other, and a bar for each task that
// is scored. Between two checks nothing was measured, and nothing moves but the time line. Joined behind player.js.

const share = (value) => `${Math.round(100 * value)} %`;

function element(kind, className, text = "") {
  const made = document.createElement(kind);
  made.className = className;
  made.textContent = text;
  return made;
}

function answerLine({ step, answer, is_label }) {
  const line = document.createElement("li");
  line.append(element("span", "", `Step ${step}`), element("b", is_label ? "label" : "", answer || "(nothing)"));
  return line;
}

function barOf({ title, colour, scores }) {
  const bar = element("div", "");
  bar.style.setProperty("--colour", colour);
  const [value, fill, began, interval, note] = [
    element("b", ""), element("i", "fill"), element("i", "began"), element("i", "interval"), element("p", "note"),
  ];
  const [head, box] = [element("div", "head"), element("div", "bar")];
  head.append(element("span", "", title), value);
  box.append(fill, began, interval);
  bar.append(head, box, note);
  began.style.left = share(scores[0].value).replace(" ", "");
  const show = (n) => {
    const { value: now, low, high, hits, n: asked } = scores[n];
    value.textContent = share(now);
    fill.style.width = `${100 * now}%`;
    interval.style.left = `${100 * low}%`;
    interval.style.width = `${100 * (high - low)}%`;
    note.textContent = n ? `${hits} of ${asked}; at first ${scores[0].hits} of ${scores[0].n}` : `${hits} of ${asked}`;
  };
  return { bar, show };
}

export default function (component) {
  return playOnce(component, (root, data) => {
    const place = (name) => root.querySelector(`[data-say=${name}]`);
    place("prompt").textContent = data.prompt;
    place("answers").replaceChildren(...data.answers.map(answerLine));
    const bars = data.bars.map(barOf);
    place("bars").replaceChildren(...bars.map(({ bar }) => bar));
    return player(root, data, (frame) => {
      [...place("answers").children].forEach((line, n) => {
        line.classList.toggle("come", n <= frame);
        line.classList.toggle("now", n === frame);
      });
      for (const { show } of bars) show(frame);
    });
  });
}

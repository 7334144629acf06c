// A recorded run in the pages' own views: Python has drawn one container a check, one behind the other; here one
// of them is made visible as time goes on (page.css hides the others), and with the last one what is to be seen
// at the end. Joined behind player.js.

// Which containers are to be seen. Doubled, the class outweighs what page.css says of the first one.
export function rules(key, frame, n) {
  const chosen = (k) => `.st-key-${key}_replay_frame_${k}`.repeat(2);
  const hidden = Array.from({ length: n }, (_, k) => chosen(k)).join(",");
  const after = frame === n - 1 ? `${`.st-key-${key}_replay_after`.repeat(2)}{visibility:visible}` : "";
  return `${hidden}{visibility:hidden;opacity:0}${chosen(frame)}{visibility:visible;opacity:1}${after}`;
}

export default function (component) {
  return playOnce(component, (root, data) => {
    const style = document.createElement("style");
    document.head.append(style);
    const show = (frame) => {
      style.textContent = rules(data.key, frame, data.frames.length);
    };
    const end = player(root, data, show, document.querySelector(`.st-key-${data.key}_replay`));
    return () => { end(); style.remove(); };
  });
}

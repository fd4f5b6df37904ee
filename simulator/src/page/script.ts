/**
 * Keeps the page current: fetches it again each second and puts in place the parts that have changed. Without
 * JavaScript the page reloads itself.
 */
export const script = `
const state = document.getElementById("connection");
async function refresh() {
  if (document.hidden) return;
  try {
    const response = await fetch("/", { headers: { accept: "text/html" } });
    const text = await response.text();
    // Without the head, whose style has a nonce that this page does not allow.
    const fresh = new DOMParser().parseFromString(text.slice(text.indexOf("<main>")), "text/html");
    for (const part of fresh.querySelectorAll("[data-live]")) {
      const shown = document.getElementById(part.id);
      if (shown && shown.innerHTML !== part.innerHTML && !isSelecting(shown)) replace(shown, part);
    }
    say("");
  } catch {
    say("The simulator does not answer. This is what it said last.");
  }
}
function replace(shown, part) {
  const scrolls = [...shown.querySelectorAll(".scroll")].map(({ scrollTop, scrollLeft }) => ({ scrollTop, scrollLeft }));
  const hadFocus = shown.contains(document.activeElement);
  shown.innerHTML = part.innerHTML;
  shown.querySelectorAll(".scroll").forEach((element, i) => {
    Object.assign(element, scrolls[i]);
    if (hadFocus) element.focus();
  });
}
function isSelecting(element) {
  const selection = getSelection();
  return !selection.isCollapsed && element.contains(selection.anchorNode);
}
function say(text) {
  if (state.textContent !== text) state.textContent = text;
}
setInterval(refresh, 1000);
`;

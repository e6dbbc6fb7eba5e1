// One small label for whatever the pointer is on.

function showTip(text, x, y) {
  const tip = byId("tip");
  tip.textContent = text;
  tip.hidden = false;
  const width = tip.offsetWidth;
  const room = document.documentElement.clientWidth - width - 8;
  tip.style.left = `${window.scrollX + Math.max(8, Math.min(x + 14, room))}px`;
  tip.style.top = `${window.scrollY + y + 18}px`;
}

function hideTip() {
  byId("tip").hidden = true;
}

// Puts the page together: data, map, list, time, and what the address says.

readData().then((data) => {
  wireMap(data);
  wireList(data);
  wireHeat(data);
  wireAudio(data);
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button.copy");
    if (button) copyText(button);
  });
  window.addEventListener("hashchange", () => openAddress(data, true));
  if (!openAddress(data, true)) open(data, firstToShow(data), false);
  document.documentElement.dataset.ready = "true";
  const later = window.requestIdleCallback || ((task) => setTimeout(task, 300));
  later(() => loadLibrary(), { timeout: 2000 });
});

function addressed() {
  try {
    const name = decodeURIComponent(location.hash.slice(1));
    return name === "whole-model" ? "" : name;
  } catch {
    return null;
  }
}

function openAddress(data, moved) {
  const path = location.hash ? addressed() : null;
  return path !== null && data.byPath.has(path) && open(data, path, moved);
}

function open(data, path, moved) {
  if (path === undefined || !showDetails(data, path)) return false;
  markTile(path);
  markRow(path);
  const tile = tileOf(path);
  if (moved && tile) tile.scrollIntoView({ block: "center", inline: "nearest" });
  const panel = byId("details");
  if (moved && getComputedStyle(panel).position === "static") panel.scrollIntoView({ block: "start" });
  return true;
}

// The first finding's module; else the pair that comes nearest to failing.
function firstToShow(data) {
  const found = data.findings.find((finding) => data.byPath.has(finding.module));
  if (found) return found.module;
  const compared = data.rows.filter((row) => row.state !== "uncompared");
  const worst = compared.reduce((best, row) => (!best || row.isolated / row.tolerance > best.isolated / best.tolerance ? row : best), null);
  return worst ? worst.path : undefined;
}

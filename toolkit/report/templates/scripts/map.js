// The map: one tab stop, arrows to move, Enter to open. Tiles are links, so clicks and anchors work.

function wireMap(data) {
  const map = byId("map");
  const tiles = Array.from(map.querySelectorAll("a.tile"));
  tiles.forEach((tile) => { tile.tabIndex = -1; });
  const start = tiles.find((tile) => tile.classList.contains("is-fail")) || tiles[0];
  if (start) start.tabIndex = 0;
  map.addEventListener("keydown", (event) => {
    const next = neighbour(tiles, event);
    if (!next) return;
    event.preventDefault();
    focusTile(tiles, next);
  });
  map.addEventListener("focusin", (event) => {
    if (event.target.matches("a.tile")) rove(tiles, event.target);
  });
  map.addEventListener("pointerover", (event) => {
    const tile = event.target.closest("a.tile");
    if (tile) showTip(tile.getAttribute("aria-label"), event.clientX, event.clientY);
  });
  map.addEventListener("pointerout", hideTip);
  return tiles;
}

function rove(tiles, tile) {
  tiles.forEach((other) => { if (other.tabIndex === 0) other.tabIndex = -1; });
  tile.tabIndex = 0;
}

function focusTile(tiles, tile) {
  rove(tiles, tile);
  tile.focus();
}

function neighbour(tiles, event) {
  const here = event.target.closest("a.tile");
  if (!here || event.ctrlKey || event.metaKey || event.altKey) return null;
  const index = tiles.indexOf(here);
  switch (event.key) {
    case "ArrowRight": return tiles[index + 1];
    case "ArrowLeft": return tiles[index - 1];
    case "ArrowDown": return beyond(tiles, index, 1);
    case "ArrowUp": return beyond(tiles, index, -1);
    case "Home": return tiles[0];
    case "End": return tiles[tiles.length - 1];
    default: return null;
  }
}

// The nearest tile above or below; sideways counts thrice.
function beyond(tiles, index, step) {
  const here = tiles[index].getBoundingClientRect();
  let best = null;
  for (const tile of tiles) {
    const box = tile.getBoundingClientRect();
    const away = step * (box.top - here.top);
    const distance = away + 3 * Math.abs(box.left - here.left);
    if (away > 2 && (!best || distance < best.distance)) best = { tile, distance };
  }
  return best && best.tile;
}

function markTile(path) {
  document.querySelectorAll(".tile[aria-current]").forEach((tile) => tile.removeAttribute("aria-current"));
  const tile = tileOf(path);
  if (!tile) return;
  tile.setAttribute("aria-current", "true");
  tile.closest("details")?.setAttribute("open", "");
  scrollWithin(byId("map"), tile);
}

// Scrolls a pane until something in it is well in view, and nothing else.
function scrollWithin(pane, part) {
  const [outer, inner] = [pane.getBoundingClientRect(), part.getBoundingClientRect()];
  const margin = 60;
  if (inner.top < outer.top + margin || inner.bottom > outer.bottom - margin) {
    pane.scrollTop += inner.top - outer.top - outer.height / 3;
  }
  if (inner.left < outer.left + margin || inner.right > outer.right - margin) {
    pane.scrollLeft += inner.left - outer.left - outer.width / 2;
  }
}

const dimmed = new Set();

// Only what changes is touched: most tiles stay as they were.
function dimTiles(found, all) {
  for (const path of all) {
    if (found.has(path) !== dimmed.has(path)) continue;
    tileOf(path)?.classList.toggle("is-dim", !found.has(path));
    if (found.has(path)) dimmed.delete(path);
    else dimmed.add(path);
  }
}

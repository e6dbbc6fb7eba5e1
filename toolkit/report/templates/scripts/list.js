// The table of all pairs: search, filter, sort; as many rows as one can look at.

const PAGE = 40;
// As many rows as a window shows are made at once, the others a few a frame, so that a click is answered.
const AT_ONCE = 12;
const A_FRAME = 8;
const A_FRAME_MS = 17;
const list = { rows: [], shown: 0, wanted: 0, later: 0, open: null };

function wireList(data) {
  const form = byId("filters");
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => refill(data));
  form.addEventListener("reset", () => setTimeout(() => refill(data), 0));
  byId("more").addEventListener("click", () => wantRows(list.wanted + PAGE));
  window.addEventListener("beforeprint", () => addRows(list.wanted));
  byId("rows").addEventListener("click", (event) => {
    const row = event.target.closest("tr");
    if (row && !event.target.closest("a, button")) location.hash = anchorOf(row.dataset.path);
  });
  for (const [id, value] of readAddress().filters) {
    if (FILTERS.includes(id)) byId(id).value = value;
  }
  refill(data);
  addRows(list.wanted);
}

const FILTERS = ["search", "kind", "state", "least", "sort"];

function listFilters() {
  return new URLSearchParams(FILTERS.map((id) => [id, byId(id).value]).filter(([, value]) => value));
}

function refill(data) {
  const wanted = readFilters();
  list.rows = data.rows.filter((row) => fits(row, wanted));
  list.rows.sort(ORDERS[wanted.sort] || ORDERS.failures);
  rememberFilters(listFilters());
  list.shown = 0;
  byId("rows").replaceChildren();
  wantRows(PAGE);
  byId("shown").textContent = `${list.rows.length} of ${data.rows.length} modules`;
  const filtered = wanted.words.length || wanted.kind || wanted.state || wanted.least !== null;
  const all = data.rows.map((row) => row.path);
  dimTiles(new Set(filtered ? list.rows.map((row) => row.path) : all), all);
}

function readFilters() {
  const value = (id) => byId(id).value;
  return {
    words: value("search").toLowerCase().split(/\s+/).filter(Boolean),
    kind: value("kind"),
    state: value("state"),
    least: value("least") ? Number(value("least")) : null,
    sort: value("sort"),
  };
}

function fits(row, wanted) {
  row.searched ||= `${row.path} ${row.source || ""} ${row.kind || ""}`.toLowerCase();
  return wanted.words.every((word) => row.searched.includes(word))
    && (!wanted.kind || visible(row.kind || "") === wanted.kind)
    && (!wanted.state || row.state === wanted.state)
    && (wanted.least === null || (row.isolated ?? -1) >= wanted.least);
}

const largestFirst = (key) => (left, right) => (right[key] ?? -1) - (left[key] ?? -1) || left.index - right.index;
const BY_NUMBER = new Intl.Collator("en", { numeric: true });
const RANKS = ["fail", "above", "tail", "pass", "uncompared"];
const ORDERS = {
  failures: (left, right) => RANKS.indexOf(left.state) - RANKS.indexOf(right.state) || left.index - right.index,
  order: (left, right) => left.index - right.index,
  isolated: largestFirst("isolated"),
  propagated: largestFirst("propagated"),
  path: (left, right) => BY_NUMBER.compare(left.path, right.path),
};

// Shows the list up to a row: what a window has room for in this frame, the rest in the next ones.
function wantRows(count) {
  list.wanted = Math.min(count, list.rows.length);
  addRows(list.shown + AT_ONCE);
  const left = list.rows.length - list.wanted;
  byId("more").hidden = left === 0;
  byId("more").textContent = `Show ${Math.min(left, PAGE)} more of ${left}`;
  if (!list.rows.length) byId("rows").append(make("tr", {}, make("td", { colspan: 9 }, "No module fits. Clear the search or a filter.")));
}

function addRows(end) {
  clearTimeout(list.later);
  const next = list.rows.slice(list.shown, Math.min(end, list.wanted));
  byId("rows").append(...next.map(rowElement));
  list.shown += next.length;
  if (list.shown < list.wanted) list.later = setTimeout(() => addRows(list.shown + A_FRAME), A_FRAME_MS);
}

function rowElement(row) {
  const state = STATES[row.state];
  const name = make("th", { scope: "row" }, make("a", { href: anchorOf(row.path) }, nameElement(row.path)), " ", copyButton(row.path, `Copy ${visible(row.path)}`));
  const verdict = make("td", { class: `verdict-cell badge is-${state.verdict}` }, `${state.sign} ${state.short}`);
  const attributes = { class: `is-${state.verdict}`, "data-path": row.path, "aria-current": row.path === list.open && "true" };
  if (row.state === "uncompared") {
    return make("tr", attributes, verdict, name, make("td", { colspan: 7, class: "muted" }, "not compared: ", ...saidElements(row.because)));
  }
  const whole = (value) => make("span", { class: "whole" }, value);
  const unit = (value, tolerance) => [whole(value), " ", make("span", { class: "muted" }, `of ${tolerance}`)];
  return make("tr", attributes, verdict, name,
    make("td", { class: "source muted" }, nameElement(row.source)),
    make("td", {}, ...kindElements(row.kind)),
    make("td", {}, `${row.shape} `, make("span", { class: "muted" }, row.axes)),
    make("td", { class: "number" }, ...unit(row.words.isolated, row.words.tolerance)),
    make("td", { class: "gauge" }, barElement(row)),
    make("td", { class: "number" }, row.propagated === null ? make("span", { class: "muted" }, "not measured") : whole(`${row.spoiled ? "~ " : ""}${row.words.propagated}`)),
    make("td", { class: "number" }, ...(row.ratio === null ? [make("span", { class: "muted" }, "not measured")] : unit(row.words.ratio, row.words.ratioTolerance))));
}

// The name of a class may wrap before its capitals.
function kindElements(kind) {
  return visible(kind).split(/(?<=[a-z0-9])(?=[A-Z])/).flatMap((part, index) => (index ? [make("wbr"), part] : [part]));
}

function markRow(path) {
  list.open = path;
  document.querySelectorAll("#rows tr[aria-current]").forEach((row) => row.removeAttribute("aria-current"));
  for (const row of byId("rows").rows) {
    if (row.dataset.path === path) row.setAttribute("aria-current", "true");
  }
}

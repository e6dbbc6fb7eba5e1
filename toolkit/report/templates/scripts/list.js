// The table of all pairs: search, filter, sort; as many rows as one can look at.

const PAGE = 40;
const list = { rows: [], shown: 0 };

function wireList(data) {
  const form = byId("filters");
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => refill(data));
  form.addEventListener("reset", () => setTimeout(() => refill(data), 0));
  byId("more").addEventListener("click", () => addRows(PAGE));
  byId("rows").addEventListener("click", (event) => {
    const row = event.target.closest("tr");
    if (row && !event.target.closest("a, button")) location.hash = anchorOf(row.dataset.path);
  });
  for (const [id, value] of readAddress().filters) {
    if (FILTERS.includes(id)) byId(id).value = value;
  }
  refill(data);
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
  addRows(PAGE);
  byId("shown").textContent = `${list.rows.length} of ${data.rows.length} modules`;
  const filtered = wanted.words.length || wanted.kind || wanted.state || wanted.least !== null;
  dimTiles(filtered ? new Set(list.rows.map((row) => row.path)) : null);
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
const RANKS = ["fail", "above", "tail", "pass", "uncompared"];
const ORDERS = {
  failures: (left, right) => RANKS.indexOf(left.state) - RANKS.indexOf(right.state) || left.index - right.index,
  order: (left, right) => left.index - right.index,
  isolated: largestFirst("isolated"),
  propagated: largestFirst("propagated"),
  path: (left, right) => left.path.localeCompare(right.path, "en", { numeric: true }),
};

function addRows(count) {
  const next = list.rows.slice(list.shown, list.shown + count);
  byId("rows").append(...next.map(rowElement));
  list.shown += next.length;
  const left = list.rows.length - list.shown;
  byId("more").hidden = left === 0;
  byId("more").textContent = `Show ${Math.min(left, PAGE)} more of ${left}`;
  if (!list.rows.length) byId("rows").append(make("tr", {}, make("td", { colspan: 9 }, "No module fits. Clear the search or a filter.")));
}

function rowElement(row) {
  const state = STATES[row.state];
  const name = make("th", { scope: "row" }, make("a", { href: anchorOf(row.path) }, nameElement(row.path)), " ", copyButton(row.path, `Copy ${visible(row.path)}`));
  const verdict = make("td", { class: `verdict-cell badge is-${state.verdict}` }, `${state.sign} ${state.short}`);
  const attributes = { class: `is-${state.verdict}`, "data-path": row.path };
  if (row.state === "uncompared") {
    return make("tr", attributes, verdict, name, make("td", { colspan: 7, class: "muted" }, "not compared: ", ...saidElements(row.because)));
  }
  const unit = (value, tolerance) => [value, make("span", { class: "muted" }, ` of ${tolerance}`)];
  return make("tr", attributes, verdict, name,
    make("td", { class: "source muted" }, nameElement(row.source)),
    make("td", {}, visible(row.kind)),
    make("td", {}, `${row.shape} `, make("span", { class: "muted" }, row.axes)),
    make("td", { class: "number" }, ...unit(row.words.isolated, row.words.tolerance)),
    make("td", { class: "gauge" }, barElement(row)),
    make("td", { class: "number" }, row.propagated === null ? make("span", { class: "muted" }, "not measured") : `${row.spoiled ? "~ " : ""}${row.words.propagated}`),
    make("td", { class: "number" }, ...(row.ratio === null ? [make("span", { class: "muted" }, "not measured")] : unit(row.words.ratio, row.words.ratioTolerance))));
}

function markRow(path) {
  document.querySelectorAll("#rows tr[aria-current]").forEach((row) => row.removeAttribute("aria-current"));
  for (const row of byId("rows").rows) {
    if (row.dataset.path === path) row.setAttribute("aria-current", "true");
  }
}

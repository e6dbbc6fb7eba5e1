// All jobs of a batch: search, filter, sort; as many rows as one can look at.

const PAGE = 100;
const SIGNS = { fail: "✗", deviation: "≈", unverified: "–", pass: "✓" };
const CHOICES = ["outcome", "kind", "family", "task"];
const FILTERS = ["search", ...CHOICES, "sort"];
const jobs = { all: [], fitting: [], shown: 0 };

unpack("page-data").then((text) => {
  jobs.all = JSON.parse(text).rows;
  jobs.all.forEach((job, index) => {
    job.index = index;
    job.excess = excessOf(job.worst);
  });
  const form = byId("filters");
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", refill);
  form.addEventListener("reset", () => setTimeout(refill, 0));
  byId("more").addEventListener("click", () => addRows(PAGE));
  window.addEventListener("hashchange", restore);
  window.addEventListener("beforeprint", () => addRows(jobs.fitting.length));
  restore();
  document.documentElement.dataset.ready = "true";
});

// Takes the filters from the address.
function restore() {
  const said = readAddress().filters;
  for (const id of FILTERS) byId(id).value = said.get(id) || "";
  for (const id of [...CHOICES, "sort"]) {
    if (byId(id).selectedIndex < 0) byId(id).value = "";
  }
  refill();
}

function refill() {
  const wanted = Object.fromEntries(FILTERS.map((id) => [id, byId(id).value]));
  const words = wanted.search.toLowerCase().split(/\s+/).filter(Boolean);
  jobs.fitting = jobs.all.filter((job) => fits(job, wanted, words));
  jobs.fitting.sort(ORDERS[wanted.sort] || ORDERS.worst);
  rememberFilters(new URLSearchParams(Object.entries(wanted).filter(([, value]) => value)));
  jobs.shown = 0;
  byId("rows").replaceChildren();
  addRows(PAGE);
  byId("shown").textContent = `${jobs.fitting.length} of ${jobs.all.length} jobs`;
}

function fits(job, wanted, words) {
  job.searched ||= [job.name, job.worst?.name, job.worst?.where, job.cause].join(" ").toLowerCase();
  return words.every((word) => job.searched.includes(word))
    && CHOICES.every((id) => !wanted[id] || visible(job[id] || "") === wanted[id]);
}

// How many times its tolerance the worst measure is.
function excessOf(worst) {
  if (!worst) return -1;
  if (worst.error === null) return worst.verdict === "fail" ? Infinity : -1;
  if (worst.tolerance > 0) return worst.error / worst.tolerance;
  return worst.error > 0 ? Infinity : 0;
}

const BY_NUMBER = new Intl.Collator("en", { numeric: true });
const text = (key) => (left, right) => BY_NUMBER.compare(left[key] || "\uffff", right[key] || "\uffff") || left.index - right.index;
const largest = (key) => (left, right) => {
  const [first, second] = [left[key] ?? -1, right[key] ?? -1];
  return first === second ? left.index - right.index : second > first ? 1 : -1;
};
const ORDERS = {
  worst: (left, right) => left.index - right.index,
  path: text("name"),
  family: text("family"),
  error: largest("excess"),
  seconds: largest("seconds"),
  bytes: largest("bytes"),
};

function addRows(count) {
  const next = jobs.fitting.slice(jobs.shown, jobs.shown + count);
  byId("rows").append(...next.map(rowElement));
  jobs.shown += next.length;
  const left = jobs.fitting.length - jobs.shown;
  byId("more").hidden = left === 0;
  byId("more").textContent = `Show ${Math.min(left, PAGE)} more of ${left}`;
  if (!jobs.fitting.length) byId("rows").append(make("tr", {}, make("td", { colspan: 10 }, "No job fits. Clear the search or a filter.")));
}

function rowElement(job) {
  const name = nameElement(job.name);
  return make("tr", { class: `is-${job.tone}` },
    make("td", { class: "verdict-cell badge" }, `${SIGNS[job.tone]} ${job.outcome}`),
    make("th", { scope: "row" }, job.page ? make("a", { href: job.page }, name) : name),
    make("td", {}, visible(job.kind)),
    make("td", {}, ...known(job.family)),
    make("td", {}, ...known(job.task)),
    make("td", {}, ...(job.worst ? levelElements(job.worst) : known(null))),
    make("td", { class: "number" }, ...measureElements(job.worst)),
    make("td", { class: "cause" }, ...(job.cause ? saidElements(job.cause) : known(null))),
    make("td", { class: "number" }, ...known(job.seconds, spellSeconds)),
    make("td", { class: "number" }, ...known(job.bytes, spellBytes)));
}

function known(value, spell = visible) {
  return value === null ? [make("span", { class: "muted" }, "–")] : [spell(value)];
}

function levelElements(worst) {
  const where = worst.where ? [" ", nameElement(worst.where)] : [];
  return [make("span", { class: `badge is-${worst.verdict}` }, `${SIGNS[worst.verdict]} ${visible(worst.name)}`), ...where];
}

function measureElements(worst) {
  if (!worst || (worst.error === null && worst.tolerance === null)) return known(null);
  const found = worst.error === null ? "no finite number" : formatError(worst.error);
  const allowed = worst.tolerance === null ? [] : [" ", make("span", { class: "muted" }, `of ${formatError(worst.tolerance)}`)];
  return [found, ...allowed];
}

function spellSeconds(seconds) {
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min ${Math.round(seconds % 60)} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function spellBytes(bytes) {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.round(bytes / 1e6)} MB`;
}

// Puts the page together: data, map, list, time, and what the address says.

// Who takes a picture of the page or prints it waits until it is loaded: that is when all is drawn.
// A document that is open keeps the page that it is in from being loaded.
const unfinished = make("iframe", { hidden: true, "aria-hidden": "true" });
document.body.append(unfinished);
unfinished.contentDocument?.open();

function finish() {
  unfinished.contentDocument?.close();
  unfinished.remove();
}

readData().then((data) => {
  wireMap(data);
  wireList(data);
  wireHeat(data);
  wireSounds(data, finish);
  wireAudio(data);
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button.copy");
    if (button) copyText(button);
  });
  window.addEventListener("hashchange", () => openAddress(data));
  if (!openAddress(data)) openFirst(data);
  document.documentElement.dataset.ready = "true";
  const later = window.requestIdleCallback || ((task) => setTimeout(task, 300));
  later(() => loadLibrary(), { timeout: 2000 });
}).catch((error) => {
  finish();
  throw error;
});

function openAddress(data) {
  const { name } = readAddress();
  rememberFilters(listFilters());
  if (name === null || (name === "" && !location.hash.startsWith("#whole-model"))) return false;
  const finding = data.findings.find((each) => each.anchor === name);
  if (finding) openFinding(data, finding);
  else if (!open(data, name)) byId(name)?.scrollIntoView();
  if (finding) byId("details").scrollIntoView({ block: "nearest" });
  else if (data.byPath.has(name)) byId("section-map").closest(".pane").scrollIntoView({ block: "nearest" });
  return true;
}

function openFirst(data) {
  if (data.findings.length) openFinding(data, data.findings[0]);
  else open(data, nearest(data));
}

function openFinding(data, finding) {
  if (!open(data, finding.module, [finding])) showFindings(data, [finding]);
}

function open(data, path, findings = data.findingsOf.get(path) || []) {
  if (path === undefined || !showDetails(data, path)) return false;
  showFindings(data, findings);
  markTile(path);
  markRow(path);
  return true;
}

// The pair that comes nearest to failing.
function nearest(data) {
  const compared = data.rows.filter((row) => row.state !== "uncompared");
  const worst = compared.reduce((best, row) => (!best || row.isolated / row.tolerance > best.isolated / best.tolerance ? row : best), null);
  return worst ? worst.path : undefined;
}

// Everything that is known of one pair, below the findings that speak of it.

// The cards of these findings and no others, and their lines in the list.
function showFindings(data, findings) {
  const anchors = new Set(findings.map((finding) => finding.anchor));
  for (const card of byId("cards").children) card.hidden = !anchors.has(card.id);
  document.querySelectorAll(".found a").forEach((link) => {
    const chosen = anchors.has(decoded(link.hash.slice(1)));
    if (chosen) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  });
  byId("details").className = `pane details${findings.length ? " is-fail" : ""}`;
  byId("details").firstElementChild.scrollTop = 0;
  if (findings.length && !data.byPath.has(findings[0].module)) byId("pair").replaceChildren();
}

function showDetails(data, path) {
  const row = data.byPath.get(path);
  if (!row) return false;
  const panel = byId("pair");
  const state = STATES[row.state];
  panel.className = `is-${state.verdict}`;
  panel.replaceChildren(
    make("h3", {}, nameElement(path)),
    make("div", { class: "tools" },
      make("span", { class: "state" }, `${state.sign} ${state.word}`),
      copyButton(path, "Copy the path"),
      make("a", { class: "button copy", href: anchorOf(path) }, "link")),
    row.state === "uncompared"
      ? make("p", {}, "Not compared: ", ...saidElements(row.because), ".")
      : factsElement(data, row),
  );
  if (row.state !== "uncompared") {
    drawPlots(data, row, panel, chosenPicture(data, row));
    appendTensors(data, path, panel);
    appendReproduction(data, row, panel);
  }
  return true;
}

function factsElement(data, row) {
  const facts = make("dl", { class: "facts" });
  const add = (term, ...value) => facts.append(make("dt", {}, term), make("dd", {}, ...value));
  add("Source module", nameElement(row.source));
  add("Kind", visible(row.kind));
  add("Output", `${row.shape} `, make("span", { class: "muted" }, `axes ${row.axes}`));
  add("Isolated error", make("strong", {}, row.words.isolated), ` of ${row.words.tolerance} allowed`, barElement(row));
  add("End to end", row.propagated === null ? "not measured" : `${row.words.propagated}${row.spoiled ? ", beyond the tolerance" : ""}`);
  add("Float32 ratio", row.ratio === null ? "not measured" : `${row.words.ratio} of ${row.words.ratioTolerance} times the reference's own error`);
  add(`Worst ${data.example}`, visible(row.clip));
  return facts;
}

// The picture of the clip with the largest error, or of the first one that was drawn.
function chosenPicture(data, row) {
  const pictures = data.picturesOf.get(row.path) || [];
  return pictures.find((picture) => picture.clip === row.clip) || pictures[0];
}

function appendTensors(data, path, panel) {
  const tensors = data.tensors[path] || [];
  if (!tensors.length) return;
  panel.append(make("h4", {}, "Tensors and where they come from"));
  for (const tensor of tensors) panel.append(tensorElement(tensor));
}

function tensorElement(tensor) {
  const source = tensor.source ? nameElement(tensor.source) : "no tensor of the source: it is filled";
  const box = make("div", { class: "tensor" },
    make("p", {}, nameElement(tensor.name), make("span", { class: "muted" }, ` ${tensor.shape} ${tensor.dtype}`)),
    tensor.holds
      ? make("p", { class: "wrong" }, "✗ ", ...saidElements(tensor.holds))
      : make("p", {}, "✓ holds the values of ", source),
    tensor.holds ? make("p", {}, "must hold the values of ", source) : null,
    make("p", { class: "muted" }, "rule: ", make("code", {}, tensor.rule || "none")));
  if (tensor.trials.length) box.append(trialsElement(tensor));
  return box;
}

function trialsElement(tensor) {
  const rows = tensor.trials.map((trial) => make("tr", { class: trial.value === 0 ? "best" : "" },
    make("td", {}, trial.value === 0 ? "✓" : "✗"), make("td", {}, trial.name), make("td", { class: "number" }, trial.error)));
  return make("table", { class: "trials" },
    make("caption", {}, "What may have happened to it, undone, and the error that is left"),
    make("thead", {}, make("tr", {}, ...["", "Undone", "Error left"].map((word) => make(word ? "th" : "td", word ? { scope: "col" } : {}, word)))),
    make("tbody", {}, ...rows));
}

function appendReproduction(data, row, panel) {
  const folder = data.reproductions[row.path];
  if (!folder && row.state !== "fail") return;
  panel.append(make("h4", {}, "Minimal reproduction"));
  const command = `${data.command} --reproduction DIR`;
  panel.append(folder
    ? make("p", {}, "Input, expected output and a script: ", make("a", { href: folder }, nameElement(folder)))
    : make("p", {}, "Not written in this run. Where nothing explains a module, this writes one: ",
      make("code", {}, visible(command)), " ", copyButton(command, "Copy the command")));
}

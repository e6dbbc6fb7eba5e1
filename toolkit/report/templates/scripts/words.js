// How numbers, states and names are written, and how elements are made.

const STATES = {
  fail: { sign: "✗", word: "wrong by itself", short: "wrong", verdict: "fail" },
  above: { sign: "▾", word: "wrong, as a part of it is", short: "around", verdict: "fail" },
  tail: { sign: "~", word: "wrong only end to end", short: "tail", verdict: "pass" },
  pass: { sign: "✓", word: "right", short: "right", verdict: "pass" },
  uncompared: { sign: "–", word: "not compared", short: "not compared", verdict: "unverified" },
};

const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]/gu;
const visible = (text) => text.replace(HIDDEN, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);

function formatError(value) {
  if (value === 0) return "exactly 0";
  if (!Number.isFinite(value) || value >= 1e299) return "no finite number";
  return value.toExponential(1);
}

// A name whose pieces may wrap after dots, slashes and underscores, kept apart from text around it.
function nameElement(text) {
  const isolated = make("bdi");
  visible(text || "(whole model)").split(/(?<=[./_])/).forEach((part, index) => {
    if (index) isolated.append(make("wbr"));
    isolated.append(part);
  });
  return make("code", {}, isolated);
}

// A sentence of the toolkit's own: what stands between backticks is a name.
function saidElements(text) {
  return text.split("`").map((part, index) => (index % 2 ? nameElement(part) : visible(part)));
}

function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const LOWEST = -18;

function position(error) {
  if (!(error > 0)) return 0;
  return Math.min(1, Math.max(0, 1 - Math.log10(error) / LOWEST));
}

function barElement(row) {
  const bar = make("span", { class: `bar is-${STATES[row.state].verdict}`, "aria-hidden": "true" }, make("i"), make("b"));
  bar.style.setProperty("--error", `${100 * position(row.isolated)}%`);
  bar.style.setProperty("--tolerance", `${100 * position(row.tolerance)}%`);
  return bar;
}

function copyButton(text, label) {
  return make("button", { type: "button", class: "copy", "data-copy": text, "aria-label": label }, "copy");
}

async function copyText(button) {
  const text = button.dataset.copy;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const field = make("textarea", { readonly: true });
    field.value = text;
    button.after(field);
    field.select();
    document.execCommand("copy");
    field.remove();
    button.focus();
  }
  button.textContent = "copied";
  setTimeout(() => { button.textContent = "copy"; }, 1200);
}

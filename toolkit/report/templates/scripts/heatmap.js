// Depth by time: one row of pixels for each module, as they run, under the waveform.

const BEND = 0.8;
const heat = { data: null, clip: null, mode: "propagated", panels: [] };

function wireHeat(data) {
  heat.data = data;
  if (!byId("heat")) return;
  const drawn = data.clips.filter((clip) => data.pairs.some((pair) => pair.clip === clip.name));
  const choice = byId("heat-clip");
  choice.append(...drawn.map((clip) => make("option", { value: clip.name }, visible(clip.name) + (clip.duration ? ` (${clip.duration.toFixed(2)} s)` : ""))));
  heat.clip = drawn[0];
  if (!data.pairs.some((pair) => pair.propagated)) {
    document.querySelector("input[name=heat-mode][value=isolated]").checked = true;
    heat.mode = "isolated";
  }
  choice.addEventListener("change", () => { heat.clip = data.clipsByName.get(choice.value); drawHeat(); });
  document.querySelectorAll("input[name=heat-mode]").forEach((radio) => {
    radio.addEventListener("change", () => { heat.mode = radio.value; drawHeat(); });
  });
  for (const panel of [byId("heat-frames"), byId("heat-tokens")]) wirePanel(panel);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawHeat);
  matchMedia("print").addEventListener("change", drawHeat);
  setTimeout(drawHeat, 0);
  window.addEventListener("beforeprint", drawHeat);
}

function drawHeat() {
  if (!heat.clip) return;
  const pairs = heat.data.pairs.filter((pair) => pair.clip === heat.clip.name && pair.along);
  pairs.sort((left, right) => heat.data.byPath.get(left.path).index - heat.data.byPath.get(right.path).index);
  drawPanel(byId("heat-frames"), pairs.filter((pair) => pair.along !== "S"));
  drawPanel(byId("heat-tokens"), pairs.filter((pair) => pair.along === "S"));
  drawWave(byId("heat-wave"), heat.clip);
  drawAxes(heat.clip);
  const audio = audioElement(heat.clip);
  byId("heat-wave").hidden = !heat.clip.duration;
  byId("heat-audio").replaceChildren(audio || (heat.clip.duration ? "This clip is too long to be carried along." : ""));
}

function drawPanel(panel, pairs) {
  const canvas = panel.querySelector("canvas");
  panel.hidden = !pairs.length;
  byId(`${panel.id}-key`).hidden = !pairs.length;
  panel.pairs = pairs;
  panel.cell = null;
  if (!pairs.length) return;
  const lines = pairs.map((pair) => decode(pair[heat.mode]));
  const width = Math.max(1, ...lines.map((line) => line.length));
  canvas.width = width;
  canvas.height = pairs.length;
  const height = Math.min(Math.max(pairs.length * 5, 40), 560);
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, pairs.length);
  const pixels = new Uint32Array(image.data.buffer);
  const shadesOf = shadesByTolerance();
  lines.forEach((line, row) => paintRow(pixels, width, line, row, shadesOf(toleranceOf(pairs[row]))));
  context.putImageData(image, 0, 0);
  labelPanel(panel, pairs, height);
}

function paintRow(pixels, width, line, row, shades) {
  for (let x = 0; x < width; x += 1) {
    pixels[row * width + x] = line.length
      ? shades[line[Math.floor((x * line.length) / width)]]
      : shades.unmeasured[(x + row) % 4 < 2 ? 0 : 1];
  }
}

// A colour for each code, as a pixel: teal up to the tolerance, pink over red to deep beyond it,
// and stripes where nothing was measured.
function makeShades(tolerance, scale, colours) {
  const shades = Uint32Array.from({ length: 256 }, (_, code) => pixelOf(colourOf(code, tolerance, scale, colours)));
  shades.unmeasured = [colours.line, colours.tile].map(pixelOf);
  return shades;
}

const pixelOf = (colour) => new Uint32Array(Uint8ClampedArray.from(colour).buffer)[0];

function colourOf(code, tolerance, scale, colours) {
  const error = errorOf(code, scale);
  if (error === 0) return colours.tile;
  if (Number.isNaN(error)) return colours.high;
  if (error <= tolerance) return blend(colours.tile, colours.low, 0.6 * position(error));
  const beyond = Math.min(1, Math.max(0, Math.log(error / tolerance) / Math.log(1 / tolerance)));
  return beyond < BEND
    ? blend(colours.tail, colours.high, beyond / BEND)
    : blend(colours.high, colours.deep, (beyond - BEND) / (1 - BEND));
}

const toleranceOf = (pair) => heat.data.byPath.get(pair.path).tolerance;

function shadesByTolerance() {
  const colours = palettes();
  const known = new Map();
  return (tolerance) => {
    if (!known.has(tolerance)) known.set(tolerance, makeShades(tolerance, heat.data.scale, colours));
    return known.get(tolerance);
  };
}

function palettes() {
  const style = getComputedStyle(document.documentElement);
  const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const colour = (name) => {
    probe.fillStyle = style.getPropertyValue(name).trim();
    probe.fillRect(0, 0, 1, 1);
    return Array.from(probe.getImageData(0, 0, 1, 1).data);
  };
  const [tile, low, high, deep, tail, line, panel, ink] = ["--tile", "--heat-low", "--heat-high", "--heat-deep", "--heat-tail", "--strong-line", "--panel", "--ink"].map(colour);
  return { tile, low, high, deep, tail: blend(tile, tail, 0.5), line, panel, ink };
}

function blend(from, to, share) {
  return from.map((value, i) => Math.round(value + (to[i] - value) * share));
}

// As many labels as fit, each where its layer begins; the wrong modules always. Where the window is
// narrow, numbers stand there, and the names below.
function labelPanel(panel, pairs, height) {
  const line = height / pairs.length;
  const labels = chooseLabels(pairs, (index) => Math.min(Math.max(0, index * line + line / 2 - 6), height - 12));
  labels.sort((left, right) => left.top - right.top);
  panel.querySelector(".heat-labels").replaceChildren(...labels.map(({ top, text, wrong }, index) => {
    const label = make("span", wrong ? { class: "wrong" } : {}, make("i", {}, String(index + 1)), make("bdi", { dir: "ltr" }, text));
    label.style.top = `${top}px`;
    return label;
  }));
  byId(`${panel.id}-key`).replaceChildren(...labels.map(({ path, wrong }) => (
    make("li", wrong ? { class: "wrong" } : {}, wrong ? "✗ " : "", nameElement(path))
  )));
  // Each sign of the labels' font is 0.62 of its size wide.
  const longest = Math.max(...labels.map(({ text }) => text.length));
  if (longest <= (heat.widest || 0)) return;
  heat.widest = longest;
  byId("heat").style.setProperty("--labels", `${(0.7 * 0.62 * heat.widest + 1).toFixed(1)}rem`);
}

function chooseLabels(pairs, topOf) {
  const labels = [];
  const put = (index, path, wrong) => {
    const top = topOf(index);
    if (labels.some((other) => Math.abs(other.top - top) < 12)) return;
    labels.push({ top, path, text: `${wrong ? "✗ " : ""}${visible(path)}`, wrong });
  };
  pairs.forEach((pair, index) => {
    if (heat.data.byPath.get(pair.path).state === "fail") put(index, pair.path, true);
  });
  let before = null;
  pairs.forEach((pair, index) => {
    const layer = layerOf(pair.path);
    if (layer !== before) put(index, layer, false);
    before = layer;
  });
  return labels;
}

const LAYER = /^(?:.*?\.)??\d+(?=\.|$)/;

function layerOf(path) {
  const layer = LAYER.exec(path);
  return layer ? layer[0] : path.slice(0, Math.max(0, path.lastIndexOf("."))) || path;
}

function drawWave(canvas, clip) {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = canvas.clientWidth * ratio;
  canvas.height = canvas.clientHeight * ratio;
  const levels = new Int8Array(decode(clip.envelope).buffer);
  const context = canvas.getContext("2d");
  const step = (2 * canvas.width) / Math.max(levels.length, 1);
  const middle = canvas.height / 2;
  context.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--muted").trim();
  for (let i = 0; i < levels.length; i += 2) {
    const top = middle * (1 - levels[i + 1] / 127);
    const bottom = middle * (1 - levels[i] / 127);
    context.fillRect((i / 2) * step, top, Math.max(step - ratio / 2, 1), Math.max(bottom - top, ratio));
  }
}

function drawAxes(clip) {
  const seconds = byId("heat-seconds");
  seconds.hidden = !clip.duration;
  const ticks = Math.max(1, Math.min(6, Math.floor(seconds.clientWidth / 64)));
  seconds.replaceChildren(...Array.from({ length: ticks + 1 }, (_, i) => tick(`${((clip.duration * i) / ticks).toFixed(2)} s`, i / ticks)));
  const words = byId("heat-words");
  const prefix = byId("heat-tokens").hidden ? [] : clip.prefix.map(wordOf);
  // Each sign is at most 8 pixels wide; a word has room for itself and two more.
  const room = 8 * (2 + Math.max(0, ...prefix.map((word) => word.length)));
  const every = Math.ceil((prefix.length * room) / Math.max(words.clientWidth, room));
  words.replaceChildren(...prefix.flatMap((word, i) => (i % every ? [] : [tick(word, (i + 0.5) / prefix.length)])));
}

function tick(text, share) {
  const label = make("span", {}, text);
  label.style.left = `${100 * share}%`;
  return label;
}

const wordOf = (token) => heat.data.pieces[token] || String(token);

function wirePanel(panel) {
  const canvas = panel.querySelector("canvas");
  // A click says where it was in whole pixels, which may be the next row: what was pointed at counts.
  canvas.addEventListener("pointerdown", (event) => read(panel, cellAt(canvas, event)));
  canvas.addEventListener("pointermove", (event) => {
    const cell = cellAt(canvas, event);
    read(panel, cell);
    showTip(describe(panel, cell), event.clientX, event.clientY);
  });
  canvas.addEventListener("pointerleave", hideTip);
  canvas.addEventListener("click", (event) => openCell(panel, panel.cell || cellAt(canvas, event)));
  panel.addEventListener("keydown", (event) => {
    const step = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key];
    const cell = panel.cell || { x: 0, y: 0 };
    if (step) {
      event.preventDefault();
      read(panel, {
        x: Math.min(Math.max(cell.x + step[0], 0), canvas.width - 1),
        y: Math.min(Math.max(cell.y + step[1], 0), canvas.height - 1),
      });
    } else if (event.key === "Enter") openCell(panel, cell);
  });
  panel.addEventListener("focusout", () => { panel.querySelector(".cross").hidden = true; });
}

function cellAt(canvas, event) {
  const box = canvas.getBoundingClientRect();
  const at = (share, count) => Math.min(count - 1, Math.max(0, Math.floor(share * count)));
  return { x: at((event.clientX - box.left) / box.width, canvas.width), y: at((event.clientY - box.top) / box.height, canvas.height) };
}

function read(panel, cell) {
  panel.cell = cell;
  const canvas = panel.querySelector("canvas");
  const cross = panel.querySelector(".cross");
  const [width, height] = [canvas.clientWidth / canvas.width, canvas.clientHeight / canvas.height];
  Object.assign(cross.style, {
    left: `${canvas.offsetLeft + cell.x * width - 2}px`,
    top: `${canvas.offsetTop + cell.y * height - 2}px`,
    width: `${width + 4}px`,
    height: `${height + 4}px`,
  });
  cross.hidden = document.activeElement !== panel;
  byId("heat-reading").textContent = describe(panel, cell);
}

function describe(panel, cell) {
  const pair = panel.pairs[cell.y];
  const line = decode(pair[heat.mode]);
  const { width } = panel.querySelector("canvas");
  const where = pair.along === "S"
    ? `token ${Math.floor((cell.x * pair.positions) / width)}: ${wordOf(heat.clip.prefix[Math.floor((cell.x * pair.positions) / width)])}`
    : `${heat.clip.duration ? `${(((cell.x + 0.5) / width) * heat.clip.duration).toFixed(3)} s, ` : ""}${pair.along === "L" ? "sample" : "frame"} ${Math.floor((cell.x * pair.positions) / width)}`;
  const error = line.length ? formatError(errorOf(line[Math.floor((cell.x * line.length) / width)], heat.data.scale)) : "not measured";
  return `${visible(pair.path)} · ${where} · ${heat.mode === "propagated" ? "end to end" : "isolated"} ${error}`;
}

function openCell(panel, cell) {
  location.hash = anchorOf(panel.pairs[cell.y].path);
}

function audioElement(clip) {
  if (!clip || !clip.audio) return null;
  return make("audio", { controls: true, preload: "none", src: `data:audio/mpeg;base64,${clip.audio}`, "aria-label": `Clip ${visible(clip.name)}` });
}

function wireAudio(data) {
  document.querySelectorAll(".listen").forEach((place) => {
    const clip = data.clipsByName.get(place.dataset.clip);
    if (!clip || !clip.audio) return;
    const button = make("button", { type: "button", "aria-label": `Listen to ${visible(clip.name)}` }, "▶ listen");
    button.addEventListener("click", () => {
      const audio = audioElement(clip);
      place.replaceChildren(audio);
      audio.focus();
      audio.play().catch(() => {});
    });
    place.append(button);
  });
}

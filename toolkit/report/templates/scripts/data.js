// The page's data, unpacked once, and how to find things in it.

const byId = (id) => document.getElementById(id);

async function unpack(id) {
  const bytes = decode(byId(id).textContent.trim());
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

function decode(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
  return bytes;
}

async function readData() {
  const data = JSON.parse(await unpack("page-data"));
  data.byPath = new Map(data.rows.map((row) => [row.path, row]));
  data.rows.forEach((row, index) => { row.index = index; });
  data.picturesOf = groupBy(data.pairs, (pair) => pair.path);
  data.findingsOf = findingsByModule(data);
  data.clipsByName = new Map(data.clips.map((clip) => [clip.name, clip]));
  return data;
}

// A finding speaks of its module, and of every module that owns one of its tensors.
function findingsByModule(data) {
  const owner = (name) => {
    let path = name;
    while (path && !data.byPath.has(path)) path = path.slice(0, Math.max(0, path.lastIndexOf(".")));
    return path;
  };
  const told = data.findings.flatMap((finding) => Array.from(
    new Set([finding.module, ...finding.parameters.map(owner)]),
    (module) => ({ module, finding }),
  ));
  const grouped = groupBy(told, (item) => item.module);
  return new Map(Array.from(grouped, ([module, items]) => [module, items.map((item) => item.finding)]));
}

function groupBy(items, key) {
  const groups = new Map();
  for (const item of items) {
    const same = groups.get(key(item));
    if (same) same.push(item);
    else groups.set(key(item), [item]);
  }
  return groups;
}

// 0 for exactly zero, NaN for what is no finite number.
function errorOf(code, scale) {
  if (code === 0) return 0;
  if (code === 255) return NaN;
  return 10 ** (scale.lowest + (code - 1) / scale.perDecade);
}

function samplesOf(base64, scale) {
  const bytes = decode(base64);
  const view = new DataView(bytes.buffer);
  return Array.from({ length: bytes.length / 2 }, (_, i) => (view.getInt16(2 * i, true) / 32767) * scale);
}

const anchorOf = (path) => `#${encodeURIComponent(path || "whole-model")}`;
const tileOf = (path) => byId(path || "whole-model");

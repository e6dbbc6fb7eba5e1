// Each clip as it sounds, and how far its layers are apart.

// One clip after the other, so that nothing waits for them; says when the last one is drawn.
function wireSounds(data, finished) {
  const figures = Array.from(document.querySelectorAll("figure.sound"));
  const drawFrom = (index) => {
    if (index >= figures.length) {
      finished();
      return;
    }
    setTimeout(() => drawFrom(index + 1), 0);
    drawSound(data, figures[index]);
  };
  const again = () => figures.forEach((figure) => drawSound(data, figure));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  matchMedia("print").addEventListener("change", again);
  window.addEventListener("beforeprint", again);
  drawFrom(0);
}

function drawSound(data, figure) {
  const clip = data.clipsByName.get(figure.dataset.clip);
  if (!clip) return;
  drawWave(figure.querySelector(".wave"), clip);
  drawSpectrogram(figure.querySelector(".spectrogram"), decode(clip.spectrogram), data.scale);
  const canvas = figure.querySelector(".layers-by-frame");
  if (canvas) drawLayers(canvas, clip.layers);
}

// Louder is darker, on paper and on a screen by night.
function drawSpectrogram(canvas, codes, scale) {
  const columns = codes.length / scale.bands;
  if (!columns) return;
  const { panel, ink } = palettes();
  const shades = Array.from({ length: scale.loudest + 1 }, (_, level) => pixelOf(blend(panel, ink, (level / scale.loudest) ** 1.5)));
  paint(canvas, columns, scale.bands, (x, y) => shades[codes[(scale.bands - 1 - y) * columns + x]]);
}

function drawLayers(canvas, layers) {
  const lines = layers.map((layer) => decode(layer.errors));
  const width = Math.max(...lines.map((line) => line.length));
  const shadesOf = shadesByTolerance();
  const shades = layers.map((layer) => shadesOf(layer.tolerance));
  paint(canvas, width, layers.length, (x, y) => shades[y][lines[y][Math.floor((x * lines[y].length) / width)]]);
  canvas.onpointermove = (event) => {
    const { x, y } = cellAt(canvas, event);
    const code = lines[y][Math.floor((x * lines[y].length) / width)];
    showTip(`${visible(layers[y].path)} \u00b7 end to end ${formatError(errorOf(code, heat.data.scale))}`, event.clientX, event.clientY);
  };
  canvas.onpointerleave = hideTip;
}

function paint(canvas, width, height, shadeAt) {
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) pixels[y * width + x] = shadeAt(x, y);
  }
  context.putImageData(image, 0, 0);
}

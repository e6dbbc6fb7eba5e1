// The three plots of a pair, by bokeh: made once, when the first is wanted, then only fed.

const plots = { ready: null, drawn: null };
const ZERO_EDGE = 1e-19;

function loadLibrary() {
  plots.ready ||= unpack("plot-library").then((code) => {
    document.head.append(Object.assign(document.createElement("script"), { textContent: code }));
    return new Promise((resolve) => { setTimeout(() => resolve(makePlots()), 0); });
  });
  return plots.ready;
}

function drawPlots(data, row, panel, picture) {
  if (!picture) {
    panel.append(make("p", { class: "none" }, "This run drew no curves of this pair."));
    return;
  }
  if (picture.worst) {
    panel.append(make("p", { class: "worst" }, "Worst element ", make("code", {}, `[${picture.worst.index.join(", ")}]`),
      ` of ${row.shape}: expected ${picture.worst.expected}, got ${picture.worst.actual}`));
  }
  const holders = {
    curve: holder(panel, titleOfCurve(picture), picture.isolated || picture.propagated),
    histogram: holder(panel, titleOfHistogram(picture), picture.histogram),
    scatter: holder(panel, `Expected against actual: ${picture.expected ? decode(picture.expected).length / 2 : 0} elements on ${picture.clip}`, picture.expected),
  };
  plots.drawn = { data, row, picture, holders };
  loadLibrary().then((figures) => {
    if (plots.drawn && plots.drawn.holders === holders) requestAnimationFrame(() => fill(figures, 0));
  });
}

function holder(panel, title, wanted) {
  if (!wanted) {
    panel.append(make("h4", {}, title), make("p", { class: "none" }, "not measured"));
    return null;
  }
  const box = make("div", { class: "plot is-waiting", role: "img", "aria-label": title });
  panel.append(make("h4", {}, title), box);
  return box;
}

function titleOfCurve(picture) {
  const axis = { T: "frame", S: "token", L: "sample" }[picture.along];
  return axis ? `Error by ${axis} on ${picture.clip}` : "Error by position: this output has no axis of time";
}

function titleOfHistogram(picture) {
  const counts = picture.histogram;
  if (!counts) return "How many elements err by how much";
  const total = counts.zero + counts.notFinite + counts.bins.reduce((sum, count) => sum + count, 0);
  const odd = counts.notFinite ? `, ${counts.notFinite.toLocaleString("en")} no finite numbers` : "";
  return `Elements by isolated error: ${counts.zero.toLocaleString("en")} of ${total.toLocaleString("en")} exactly equal${odd}`;
}

// One plot a frame, so that a click is answered before the next is drawn.
function fill(figures, index) {
  const { holders } = plots.drawn;
  const names = Object.keys(figures).filter((name) => holders[name]);
  if (index >= names.length) return;
  const name = names[index];
  const figure = figures[name];
  figure.feed(plots.drawn);
  holders[name].classList.remove("is-waiting");
  holders[name].replaceChildren(figure.host);
  if (!figure.shown) {
    figure.shown = true;
    Bokeh.Plotting.show(figure.plot, figure.host);
  }
  requestAnimationFrame(() => setTimeout(() => fill(figures, index + 1), 0));
}

function makePlots() {
  const figures = { curve: makeCurve(), histogram: makeHistogram(), scatter: makeScatter() };
  recolour(figures);
  const again = () => recolour(figures);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  matchMedia("print").addEventListener("change", again);
  return figures;
}

function newFigure({ tooltips, ...options }) {
  const plot = Bokeh.Plotting.figure({
    height: 190, sizing_mode: "stretch_width", toolbar_location: null, tools: "xbox_zoom,reset",
    min_border: 4, x_range: [1, 2], y_range: [1, 2], ...options,
  });
  plot.add_tools(new (Bokeh.Models.get("HoverTool"))({ tooltips }));
  return { plot, host: make("div"), sources: {}, shown: false };
}

function source(columns) {
  return new Bokeh.ColumnDataSource({ data: Object.fromEntries(columns.map((name) => [name, []])) });
}

function makeCurve() {
  const figure = newFigure({ y_axis_type: "log", x_axis_label: "", y_axis_label: "error (log)", tooltips: [["position", "@x"], ["error", "@y{0.0e}"]] });
  const { plot } = figure;
  const lines = { propagated: source(["x", "y"]), isolated: source(["x", "y"]) };
  figure.glyphs = {
    propagated: plot.line({ field: "x" }, { field: "y" }, { source: lines.propagated, line_width: 2, line_dash: [6, 3] }),
    isolated: plot.line({ field: "x" }, { field: "y" }, { source: lines.isolated, line_width: 2 }),
  };
  figure.tolerance = addSpan(plot, "width");
  figure.feed = ({ row, picture, data }) => {
    const length = Math.max(picture.positions, 1);
    for (const name of ["propagated", "isolated"]) {
      const codes = Array.from(decode(picture[name]));
      const step = length / Math.max(codes.length, 1);
      lines[name].data = {
        x: codes.map((_, i) => Math.round(i * step)),
        y: codes.map((code) => errorOf(code, data.scale) || (code === 0 ? ZERO_EDGE : 10)),
      };
    }
    figure.tolerance.location = row.tolerance;
    plot.x_range.start = 0;
    plot.x_range.end = length;
    plot.y_range.start = ZERO_EDGE / 2;
    plot.y_range.end = 20;
    plot.xaxes[0].axis_label = `${{ T: "frame", S: "token", L: "sample" }[picture.along] || "position"}; bottom edge: exactly 0; dotted: tolerance`;
  };
  figure.legend = addLegend(plot, [["isolated", figure.glyphs.isolated], ["end to end", figure.glyphs.propagated]]);
  return figure;
}

function makeHistogram() {
  const figure = newFigure({ x_axis_type: "log", y_axis_type: "log", x_axis_label: "isolated error (log); dotted: tolerance", y_axis_label: "elements (log)", tooltips: [["error from", "@left{0.0e}"], ["elements", "@count"]] });
  const { plot } = figure;
  const bars = source(["left", "right", "top", "bottom", "count"]);
  figure.glyphs = { bars: plot.quad({ left: { field: "left" }, right: { field: "right" }, top: { field: "top" }, bottom: { field: "bottom" }, source: bars }) };
  figure.tolerance = addSpan(plot, "height");
  figure.feed = ({ row, picture, data }) => {
    const { bins } = picture.histogram;
    const edge = (i) => 10 ** (data.scale.histogramLowest + i / data.scale.histogramPerDecade);
    const filled = bins.map((count, i) => [count, i]).filter(([count]) => count);
    bars.data = {
      left: filled.map(([, i]) => edge(i)),
      right: filled.map(([, i]) => edge(i + 1)),
      top: filled.map(([count]) => count),
      bottom: filled.map(() => 0.5),
      count: filled.map(([count]) => count),
    };
    figure.tolerance.location = row.tolerance;
    plot.x_range.start = edge(0);
    plot.x_range.end = edge(bins.length);
    plot.y_range.start = 0.5;
    plot.y_range.end = 2 * Math.max(2, ...bins);
  };
  return figure;
}

function makeScatter() {
  const figure = newFigure({ height: 240, x_axis_label: "expected (source); line: equal", y_axis_label: "actual", tooltips: [["expected", "@x"], ["actual", "@y"]] });
  const { plot } = figure;
  const line = source(["x", "y"]);
  const points = source(["x", "y"]);
  figure.glyphs = {
    equal: plot.line({ field: "x" }, { field: "y" }, { source: line, line_width: 1 }),
    points: plot.scatter({ field: "x" }, { field: "y" }, { source: points, size: 5, fill_alpha: 0.55, line_color: null }),
  };
  figure.feed = ({ picture }) => {
    const [x, y] = [picture.expected, picture.actual].map((codes) => samplesOf(codes, picture.sampleScale));
    const reach = 1.05 * Math.max(1e-30, ...x.map(Math.abs), ...y.map(Math.abs));
    points.data = { x, y };
    line.data = { x: [-reach, reach], y: [-reach, reach] };
    for (const range of [plot.x_range, plot.y_range]) {
      range.start = -reach;
      range.end = reach;
    }
  };
  return figure;
}

// Above the plot: wherever it stood within, lines would run through it.
function addLegend(plot, named) {
  const item = ([label, renderer]) => new (Bokeh.Models.get("LegendItem"))({ label, renderers: [renderer] });
  const legend = new (Bokeh.Models.get("Legend"))({ items: named.map(item), orientation: "horizontal", border_line_color: null, background_fill_color: null, label_text_font_size: "11px", padding: 2, margin: 0 });
  plot.add_layout(legend, "above");
  return legend;
}

function addSpan(plot, dimension) {
  const span = new (Bokeh.Models.get("Span"))({ location: 1e-9, dimension, line_dash: [2, 3], line_width: 2 });
  plot.add_layout(span);
  return span;
}

function recolour(figures) {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const [ink, muted, line, panel] = ["--ink", "--muted", "--line", "--panel"].map(colour);
  for (const { plot, tolerance } of Object.values(figures)) {
    plot.background_fill_color = null;
    plot.border_fill_color = null;
    plot.outline_line_color = line;
    for (const axis of plot.axes) {
      Object.assign(axis, { axis_label_text_color: muted, major_label_text_color: muted, axis_line_color: muted, major_tick_line_color: muted, minor_tick_line_color: null, axis_label_text_font_size: "11px", axis_label_text_font_style: "normal" });
    }
    for (const grid of plot.grids) grid.grid_line_color = line;
    if (tolerance) tolerance.line_color = ink;
  }
  const { curve, histogram, scatter } = figures;
  curve.legend.label_text_color = ink;
  curve.glyphs.isolated.glyph.line_color = colour("--heat-high");
  curve.glyphs.propagated.glyph.line_color = colour("--heat-tail");
  Object.assign(histogram.glyphs.bars.glyph, { fill_color: colour("--heat-low"), line_color: panel });
  scatter.glyphs.equal.glyph.line_color = muted;
  scatter.glyphs.points.glyph.fill_color = colour("--heat-low");
}

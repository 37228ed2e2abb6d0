// Curves over the steps of a run. uPlot draws them; one cursor and one zoom serve all charts.

const LINKED = "steps";
const COLOURS = 8; // --c1 to --c8
const DARK = matchMedia("(prefers-color-scheme: dark)");

export class Charts {
  #charts;
  #smoothing = 0;

  /**
   * @param {Object[]} charts `{id, unit, log, curves: [{name, steps, values}]}`; a figure of that id
   *   holds .plot, .curves and, where the axis may be logarithmic, button.log
   * @param {Object[]} marks `{step, kind}`: restart, best, warn or act
   */
  constructor(charts, marks) {
    const steps = charts.flatMap((chart) => chart.curves.flatMap((curve) => curve.steps));
    this.extent = [Math.min(...ends(steps)), Math.max(...ends(steps))];
    this.#charts = charts.map((chart) => new Chart(chart, marks, this.extent));
    this.#drawAll();
    DARK.addEventListener("change", () => this.#drawAll());
  }

  /** Shows each curve's mean over about this number of steps, and fades the curve itself. */
  smooth(steps) {
    this.#smoothing = steps;
    this.#drawAll();
  }

  #drawAll() {
    for (const chart of this.#charts) chart.draw(this.#smoothing);
  }
}

class Chart {
  #figure;
  #plot;
  #curves;
  #marks;
  #extent;
  #log;
  #smoothing = 0;
  #hidden = new Set();
  #outputs = [];
  #drawn = null;

  constructor({ id, log, curves, unit }, marks, extent) {
    this.#figure = document.getElementById(id);
    this.#plot = this.#figure.querySelector(".plot");
    this.#curves = curves;
    this.#marks = marks;
    this.#extent = extent;
    this.#log = log;
    this.unit = unit;
    this.#list();
    this.#figure.querySelector(".log")?.addEventListener("click", (event) => {
      this.#log = !this.#log;
      event.target.ariaPressed = this.#log;
      this.draw(this.#smoothing);
    });
    new ResizeObserver(() => this.#drawn?.setSize(this.#size())).observe(this.#plot);
  }

  /** Draws again at the same zoom. */
  draw(smoothing) {
    const zoom = this.#drawn?.scales.x;
    this.#smoothing = smoothing;
    this.#drawn?.destroy();
    this.#drawn = new uPlot(this.#options(), this.#data(), this.#plot);
    if (zoom) this.#drawn.setScale("x", { min: zoom.min, max: zoom.max });
  }

  /** Makes a button for each curve that hides and shows it. */
  #list() {
    const list = this.#figure.querySelector(".curves");
    for (const [index, curve] of this.#curves.entries()) {
      const item = document.createElement("li");
      const button = document.createElement("button");
      const colour = document.createElement("i");
      const output = document.createElement("output");
      button.type = "button";
      button.ariaPressed = true;
      colour.style.borderColor = `var(${colourOf(index)})`;
      colour.classList.toggle("dashed", isDashed(index));
      button.append(colour, curve.name, output);
      button.addEventListener("click", () => this.#toggle(index, button));
      item.append(button);
      list.append(item);
      this.#outputs.push(output);
    }
  }

  #toggle(index, button) {
    const shown = this.#hidden.delete(index);
    if (!shown) this.#hidden.add(index);
    button.ariaPressed = shown;
    this.draw(this.#smoothing);
  }

  /** Aligns all curves to one row of steps: first the curves themselves, then their means. */
  #data() {
    const means = this.#smoothing ? this.#curves.map((curve) => this.#mean(curve)) : [];
    const tables = [...this.#curves, ...means].map(({ steps, values }) => [steps, values]);
    return uPlot.join([[this.#extent, [null, null]], ...tables]);
  }

  #mean({ steps, values }) {
    return { steps, values: runningMean(steps, values, this.#smoothing) };
  }

  #options() {
    const own = this.#curves.map((_, index) => this.#series(index, this.#smoothing ? 0.22 : 1));
    const means = this.#smoothing ? this.#curves.map((_, index) => this.#series(index, 1)) : [];
    const axis = { stroke: css("--soft"), font: `11px ${css("--sans")}`, ticks: { show: false } };
    const grid = { stroke: css("--grid"), width: 1 };
    return {
      ...this.#size(),
      legend: { show: false },
      cursor: { sync: { key: LINKED, scales: ["x", null] }, drag: { x: true, y: false }, y: false },
      scales: { x: { time: false }, y: this.#scale() },
      axes: [
        { ...axis, grid, size: 28, values: (_, at) => at.map(short) },
        { ...axis, grid, size: 58, values: (_, at) => at.map((v) => (v === null ? "" : short(v))) },
      ],
      series: [{}, { show: false }, ...own, ...means],
      hooks: { setCursor: [(plot) => this.#showValues(plot)], draw: [(plot) => this.#mark(plot)] },
    };
  }

  #series(index, alpha) {
    const stroke = css(colourOf(index));
    return {
      show: !this.#hidden.has(index),
      stroke,
      alpha,
      width: 1.6,
      dash: isDashed(index) ? [5, 3] : undefined,
      points: { size: 5, fill: stroke },
    };
  }

  /** Logarithmic if all values are above 0, else the inverse hyperbolic sine, which takes both signs. */
  #scale() {
    if (!this.#log) return {};
    const values = this.#curves.flatMap((curve) => curve.values).filter((v) => v !== null);
    const least = Math.min(...ends(values));
    if (least > 0) return { distr: 3 };
    const small = ends(values.map(Math.abs).filter((v) => v > 0));
    return { distr: 4, asinh: Math.max(Math.min(...small), Math.max(...small) / 1000) };
  }

  #size() {
    return { width: this.#plot.clientWidth, height: this.#plot.clientHeight };
  }

  /** Shows the values beside the names: at the cursor, else the last ones. */
  #showValues(plot) {
    const { idx } = plot.cursor;
    const first = 2 + (this.#smoothing ? this.#curves.length : 0);
    const unit = this.unit ? `\u2009${this.unit}` : "";
    for (const [index, output] of this.#outputs.entries()) {
      const value = nearest(plot.data[first + index], idx ?? plot.data[0].length - 1);
      output.textContent = value === null ? "\u2013" : short(value) + unit;
    }
  }

  #mark(plot) {
    const { ctx, bbox } = plot;
    const pixel = devicePixelRatio;
    ctx.save();
    for (const { step, kind } of this.#marks) {
      const x = Math.round(plot.valToPos(step, "x", true));
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      MARKS[kind](ctx, x, bbox, pixel);
    }
    ctx.restore();
  }
}

const MARKS = {
  restart: (ctx, x, box, pixel) => line(ctx, x, box, css("--soft"), pixel, [3 * pixel, 3 * pixel]),
  best: (ctx, x, box, pixel) => line(ctx, x, box, css("--ink"), 1.5 * pixel, []),
  warn: (ctx, x, box, pixel) => triangle(ctx, x, box, css("--amber"), pixel),
  act: (ctx, x, box, pixel) => triangle(ctx, x, box, css("--red"), pixel),
};

function line(ctx, x, box, colour, width, dashes) {
  ctx.beginPath();
  ctx.setLineDash(dashes);
  ctx.lineWidth = width;
  ctx.strokeStyle = colour;
  ctx.moveTo(x, box.top);
  ctx.lineTo(x, box.top + box.height);
  ctx.stroke();
}

function triangle(ctx, x, box, colour, pixel) {
  ctx.beginPath();
  ctx.fillStyle = colour;
  ctx.moveTo(x - 5 * pixel, box.top);
  ctx.lineTo(x + 5 * pixel, box.top);
  ctx.lineTo(x, box.top + 8 * pixel);
  ctx.fill();
}

/**
 * Returns the exponential moving average of past values, which decays by 1/e over `span` steps. It
 * starts with the first value, not with 0, and again after a gap.
 */
function runningMean(steps, values, span) {
  let sum = 0;
  let weight = 0;
  return values.map((value, i) => {
    if (value === null) {
      sum = weight = 0;
      return null;
    }
    const keep = i ? Math.exp((steps[i - 1] - steps[i]) / span) : 0;
    sum = keep * sum + value;
    weight = keep * weight + 1;
    return sum / weight;
  });
}

/** Returns the value at an index, or the last one before it. */
function nearest(values, index) {
  for (let i = index; i >= 0; i--) {
    if (values[i] !== undefined && values[i] !== null) return values[i];
  }
  return null;
}

function short(value) {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(1).replace("e+", "e");
  return String(Number(value.toPrecision(4)));
}

function colourOf(index) {
  return `--c${(index % COLOURS) + 1}`;
}

function isDashed(index) {
  return index % (2 * COLOURS) >= COLOURS;
}

function css(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** Returns least and greatest; spreading a long array into Math.min would overflow the stack. */
function ends(values) {
  return values.length
    ? values.reduce(([least, most], v) => [Math.min(least, v), Math.max(most, v)], [Infinity, -Infinity])
    : [0, 1];
}

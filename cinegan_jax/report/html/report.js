// A run's page put together.

import { data } from "./data.js";
import { Charts } from "./charts.js";
import { Strip } from "./strip.js";
import { makeSortable } from "./tables.js";

const LONGEST_SMOOTHING = 0.2; // of all steps
const SHORTEST_SMOOTHING = 0.002;

for (const table of document.querySelectorAll("table.sortable")) makeSortable(table);

if (data.frames.length) new Strip(document.getElementById("strip"), data.frames);

const smoothing = document.getElementById("smoothing");
if (data.charts.length) {
  const charts = new Charts(data.charts, data.marks);
  const length = Math.max(charts.extent[1] - charts.extent[0], 1);
  smoothing.addEventListener("input", () => {
    const steps = smoothingSteps(Number(smoothing.value) / 100, length);
    charts.smooth(steps);
    smoothing.labels[0].querySelector("output").textContent = steps ? `over ${steps} steps` : "none";
  });
} else {
  smoothing.labels[0].hidden = true;
}

/** From none over ever longer spans, each share of the way the same factor. */
function smoothingSteps(share, length) {
  if (!share) return 0;
  const factor = (LONGEST_SMOOTHING / SHORTEST_SMOOTHING) ** share;
  return Math.max(1, Math.round(length * SHORTEST_SMOOTHING * factor));
}

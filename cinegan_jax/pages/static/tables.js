// Sortable tables: columns sort by the `data-sort` of a cell, else by its text.

export function makeSortable(table) {
  for (const [column, heading] of [...table.tHead.rows[0].cells].entries()) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    button.addEventListener("click", () => sortBy(table, column, heading));
    heading.append(button);
  }
}

/** Sorts numbers from the largest, words from A; the next click reverses the order. */
function sortBy(table, column, heading) {
  const rows = [...table.tBodies[0].rows];
  const key = (row) => row.cells[column].dataset.sort ?? row.cells[column].textContent.trim();
  const numeric = rows.every((row) => key(row) === "" || !Number.isNaN(Number(key(row))));
  const before = heading.getAttribute("aria-sort");
  const up = before ? before === "descending" : !numeric;
  const compare = numeric
    ? (a, b) => number(key(a)) - number(key(b))
    : (a, b) => key(a).localeCompare(key(b), "en", { numeric: true });
  rows.sort((a, b) => (up ? compare(a, b) : compare(b, a)));
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", up ? "ascending" : "descending");
  table.tBodies[0].append(...rows);
}

/** Missing values come last in the first order. */
function number(text) {
  return text === "" ? -Infinity : Number(text);
}

// Tables whose columns sort: of a class "sortable", by the `data-sort` of a cell, else its text.

export function makeSortable(table) {
  for (const [column, heading] of [...table.tHead.rows[0].cells].entries()) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    button.addEventListener("click", () => sortBy(table, column, heading));
    heading.append(button);
  }
}

/** Numbers from the largest first, words from A, and the other way with the next click. */
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

/** What is not there comes last in the first order that a person sees. */
function number(text) {
  return text === "" ? -Infinity : Number(text);
}

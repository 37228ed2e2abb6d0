// Page of an evaluation of unconditional samples: makes its tables sortable.

import { makeSortable } from "./tables.js";

for (const table of document.querySelectorAll("table.sortable")) makeSortable(table);

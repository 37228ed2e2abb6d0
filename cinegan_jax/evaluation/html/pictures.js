// The page of an evaluation of whole sets: its tables sort.

import { makeSortable } from "./tables.js";

for (const table of document.querySelectorAll("table.sortable")) makeSortable(table);

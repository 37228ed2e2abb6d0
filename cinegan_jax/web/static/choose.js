// Input of photos: drag and drop, paste and buttons; files and folders.

/**
 * Connects all inputs to `take`.
 * @param {(files: File[], leftOut: number) => void} take
 * @param {string[]} file name suffixes of photos, such as ".jpg"
 */
export function takePhotos(take, suffixes) {
  const isPhoto = ({ name, type }) =>
    type.startsWith("image/") || suffixes.some((suffix) => name.toLowerCase().endsWith(suffix));
  const offer = (files) => {
    const photos = files.filter((file) => isPhoto(file) && !file.name.startsWith("."));
    if (files.length) take(photos, files.length - photos.length);
  };
  byButtons(offer, suffixes);
  byDrop(offer);
  addEventListener("paste", (event) => {
    const files = [...event.clipboardData.files];
    if (files.length) event.preventDefault();
    offer(files);
  });
}

function byButtons(offer, suffixes) {
  for (const kind of ["files", "folder"]) {
    const input = document.getElementById(kind);
    if (kind === "files") input.accept = ["image/*", ...suffixes].join(",");
    input.addEventListener("change", () => {
      offer([...input.files]);
      input.value = "";
    });
    for (const button of document.querySelectorAll(`[data-choose="${kind}"]`)) {
      button.addEventListener("click", () => input.click());
    }
  }
}

function byDrop(offer) {
  const hint = (shown) => document.body.classList.toggle("dropping", shown);
  addEventListener("dragover", (event) => {
    event.preventDefault();
    hint(true);
  });
  addEventListener("dragleave", (event) => event.relatedTarget === null && hint(false));
  addEventListener("drop", async (event) => {
    event.preventDefault();
    hint(false);
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.());
    const loose = [...event.dataTransfer.files];
    const found = entries.some((entry) => entry?.isDirectory)
      ? (await Promise.all(entries.filter(Boolean).map(filesOf))).flat()
      : loose;
    offer(found);
  });
}

/** Returns all files under a dropped entry, sorted by name. */
async function filesOf(entry) {
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const reader = entry.createReader();
  const children = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) break; // a reader returns a hundred at a time
    children.push(...some);
  }
  children.sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
  return (await Promise.all(children.map(filesOf))).flat();
}

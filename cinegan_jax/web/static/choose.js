// Input of photos and look files: drag and drop, paste and buttons; files and folders.

/**
 * Connects all inputs to `take` and `takeLook`.
 * @param {(files: File[], leftOut: number) => void} take
 * @param {(file: File) => void} takeLook
 * @param {{suffixes: string[], look_suffixes: string[]}} limits names of photos and look files
 */
export function takeFiles(take, takeLook, { suffixes, look_suffixes: lookSuffixes }) {
  const endsWith = ({ name }, endings) => endings.some((end) => name.toLowerCase().endsWith(end));
  const isPhoto = (file) => file.type.startsWith("image/") || endsWith(file, suffixes);
  const isLook = (file) => !isPhoto(file) && endsWith(file, lookSuffixes);
  const offer = (files) => {
    const photos = files.filter((file) => isPhoto(file) && !file.name.startsWith("."));
    const looks = files.filter(isLook);
    looks.forEach(takeLook);
    if (files.length > looks.length) take(photos, files.length - looks.length - photos.length);
  };
  onChoice("files", ["image/*", ...withCapitals(suffixes)], offer);
  onChoice("folder", [], offer);
  onChoice("look", withCapitals(lookSuffixes), ([file]) => file && takeLook(file));
  byDrop(offer);
  addEventListener("paste", (event) => {
    const files = [...event.clipboardData.files];
    if (files.length) event.preventDefault();
    offer(files);
  });
}

/** Some file choosers compare endings letter by letter, and cameras write capitals. */
const withCapitals = (suffixes) => [...suffixes, ...suffixes.map((end) => end.toUpperCase())];

function onChoice(kind, accepted, take) {
  const input = document.getElementById(kind);
  input.accept = accepted.join(",");
  input.addEventListener("change", () => {
    take([...input.files]);
    input.value = "";
  });
  for (const button of document.querySelectorAll(`[data-choose="${kind}"]`)) {
    button.addEventListener("click", () => input.click());
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

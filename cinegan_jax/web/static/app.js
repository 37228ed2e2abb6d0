// Entry point: creates the parts of the page and connects them.

import { limits as askLimits, looks as askLooks } from "./api.js";
import { takeFiles } from "./choose.js";
import { Controls } from "./controls.js";
import { LightTable } from "./light_table.js";
import { byId, notice, wordsOf } from "./page.js";
import { Photo } from "./photo.js";
import { Roll } from "./roll.js";
import { Saving } from "./saving.js";
import { Sheet } from "./sheet.js";

const SAMPLE = "static/sample.jpg";

async function start() {
  const [looks, limits] = await Promise.all([askLooks(), askLimits()]);
  const photos = [];
  let table = null;
  const controls = new Controls(looks, limits, () => table?.change());
  table = new LightTable(controls);
  const roll = new Roll(show, remove);
  new Sheet(controls, () => table.photo);
  new Saving(() => controls.chosen, () => table.photo, photos);
  byId("limits").textContent =
    `Up to ${limits.file_bytes / 2 ** 20} MB and ${limits.pixels / 1e6} megapixels per photo.`;

  function show(photo) {
    document.body.classList.remove("empty");
    byId("welcome").hidden = true;
    for (const id of ["light-table", "controls", "roll"]) byId(id).hidden = false;
    byId("save-all").hidden = photos.length < 2;
    byId("save-all").textContent = `Download all ${photos.length}`;
    roll.mark(photo);
    table.show(photo);
  }

  function add(files, leftOut) {
    const large = files.filter((file) => file.size > limits.file_bytes);
    const added = files.filter((file) => !large.includes(file)).map((file) => new Photo(file));
    photos.push(...added);
    added.forEach((photo) => roll.add(photo));
    if (added.length) show(added[0]);
    addThumbnails(added);
    const words = [];
    if (leftOut === 1) words.push("1 file was skipped: it is not a photo.");
    if (leftOut > 1) words.push(`${leftOut} files were skipped: they are not photos.`);
    for (const { name } of large) words.push(`${name} is larger than ${limits.file_bytes / 2 ** 20} MB.`);
    if (words.length) notice(words.join(" "));
  }

  /** Shows thumbnails in the roll, one after another. */
  async function addThumbnails(added) {
    for (const photo of added) {
      try {
        roll.thumbnail(photo, (await photo.small(controls.chosen.look)).url);
      } catch (error) {
        photo.fails(wordsOf(error));
      }
    }
  }

  function remove(photo) {
    const index = photos.indexOf(photo);
    photos.splice(index, 1);
    roll.remove(photo);
    photo.forgetFull();
    if (!photos.length) location.reload();
    else if (photo === table.photo) show(photos[Math.min(index, photos.length - 1)]);
  }

  function addLook(file) {
    if (file.size > limits.look_bytes) {
      notice(`${file.name} is larger than ${limits.look_bytes / 2 ** 20} MB.`);
      return;
    }
    controls.addFile(file);
    notice(`${file.name} is a look now.`);
  }

  takeFiles(add, addLook, limits);
  byId("sample").addEventListener("click", async () => {
    const blob = await (await fetch(SAMPLE)).blob();
    add([new File([blob], "sample.jpg", { type: blob.type })], 0);
  });
}

start().catch((error) => notice(wordsOf(error)));

// Downloads: one photo, all photos one after another, or the look as a LUT.

import { lut } from "./api.js";
import { byId, notice, percent, wordsOf } from "./page.js";

const BETWEEN_MS = 300; // browsers drop simultaneous downloads

export class Saving {
  #running = null;

  /**
   * @param {() => object} settings
   * @param {() => Photo} current
   * @param {Photo[]} photos
   */
  constructor(settings, current, photos) {
    byId("save").addEventListener("click", () => this.#save([current()], settings(), byId("save")));
    byId("save-all").addEventListener("click", () => {
      if (this.#running) this.#running.abort();
      else this.#save([...photos], settings(), byId("save-all"));
    });
    byId("lut").addEventListener("click", () => saveLut(settings().look.name, byId("lut")));
  }

  async #save(photos, settings, button) {
    const words = button.textContent;
    const many = photos.length > 1;
    this.#running = new AbortController();
    const { signal } = this.#running;
    button.setAttribute("aria-busy", "true");
    if (!many) button.disabled = true;
    let saved = 0;
    const failed = [];
    const noted = new Set();
    for (const [index, photo] of photos.entries()) {
      const place = many ? `${index + 1} of ${photos.length}, ` : "";
      const onProgress = (share) => {
        button.textContent = `${place}${percent(share)}${many ? " \u2013 stop" : ""}`;
      };
      onProgress(0);
      try {
        const { blob, name, notes } = await photo.finished(settings, { signal, onProgress });
        offer(blob, name);
        notes.forEach((words) => noted.add(words));
        saved += 1;
        photo.fails("");
        if (many) await new Promise((resolve) => setTimeout(resolve, BETWEEN_MS));
      } catch (error) {
        if (signal.aborted) break;
        photo.fails(wordsOf(error));
        failed.push(photo);
      }
    }
    this.#running = null;
    button.removeAttribute("aria-busy");
    button.disabled = false;
    button.textContent = words;
    notice([summary(saved, failed, photos.length, signal.aborted), ...noted].join(" "));
  }
}

async function saveLut(look, button) {
  const words = button.textContent;
  button.disabled = true;
  button.textContent = "Fitting the LUT \u2026";
  try {
    const { blob, name } = await lut(look);
    offer(blob, name);
    notice(`${name} saved to your downloads.`);
  } catch (error) {
    notice(wordsOf(error));
  }
  button.disabled = false;
  button.textContent = words;
}

function offer(blob, name) {
  const link = Object.assign(document.createElement("a"), {
    href: URL.createObjectURL(blob),
    download: name,
  });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

function summary(saved, failed, total, stopped) {
  if (total === 1) return failed.length ? failed[0].failure : "Saved to your downloads.";
  const parts = [`${saved} of ${total} photos saved to your downloads`];
  if (failed.length) parts.push(`${failed.length} failed: ${failed.map((p) => p.name).join(", ")}`);
  if (stopped) parts.push("stopped");
  return `${parts.join("; ")}.`;
}

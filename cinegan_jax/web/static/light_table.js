// The current photo: shows a preview, then the full size, and repeats both after every change.

import { Compare } from "../shared/compare.js";
import { byId, fail, pause, progress, say, showNotes, wordsOf } from "./page.js";

const SETTLE_MS = 450; // pause after a change before the full size is developed

export class LightTable {
  #compare;
  #controls;
  #work = new AbortController(); // aborted by every change

  constructor(controls) {
    this.photo = null;
    this.#controls = controls;
    this.#compare = new Compare(byId("viewport"), (actual) => {
      byId("fit").ariaPressed = !actual;
      byId("actual").ariaPressed = actual;
    });
    byId("fit").addEventListener("click", () => this.#compare.zoom(false));
    byId("actual").addEventListener("click", () => this.#compare.zoom(true));
  }

  /** Opens and develops a photo. */
  async show(photo) {
    if (photo !== this.photo) this.photo?.forgetFull();
    this.photo = photo;
    byId("name").textContent = photo.name;
    byId("viewport").classList.add("opening");
    await this.#run(async (signal) => {
      say("Opening \u2026");
      const { url } = await photo.small(this.#controls.chosen.look);
      signal.throwIfAborted();
      this.#compare.open(url, photo.width, photo.height, photo.name);
      byId("viewport").classList.remove("opening");
      await this.#develop(photo, signal, 0);
    });
  }

  /** Develops the current photo again after a change of look or setting. */
  async change() {
    if (!this.photo) return;
    await this.#run((signal) => this.#develop(this.photo, signal, SETTLE_MS));
  }

  async #run(steps) {
    this.#work.abort();
    this.#work = new AbortController();
    const { signal } = this.#work;
    const { photo } = this;
    fail("");
    try {
      await steps(signal);
      photo.fails("");
    } catch (error) {
      if (signal.aborted) return;
      photo.fails(wordsOf(error));
      fail(photo.failure);
    }
  }

  async #develop(photo, signal, settle) {
    progress(null);
    showNotes([]);
    this.#compare.strength(this.#controls.chosen.strength);
    this.#compare.set("exact", "");
    await this.#preview(photo, signal);
    await this.#lookCards(photo, signal);
    await pause(settle, signal);
    await this.#fullSize(photo, signal);
  }

  async #preview(photo, signal) {
    say("Developing a preview \u2026");
    const { look, method, strength, ...effects } = this.#controls.chosen;
    for (const [layer, full] of [["preview", 1], ["stronger", 1.5]]) {
      const wanted = full === 1 || strength > 1;
      const url = wanted ? await photo.preview(look, { ...effects, strength: full }) : "";
      signal.throwIfAborted();
      await this.#compare.set(layer, url);
    }
  }

  /** Shows the photo with each look on the cards; this also caches the next choice. */
  async #lookCards(photo, signal) {
    const { looks, light } = this.#controls;
    for (const look of looks) {
      const url = await photo.preview(look, light).catch(() => ""); // as of a look file that is damaged
      signal.throwIfAborted();
      if (url) look.image.src = url;
    }
  }

  async #fullSize(photo, signal) {
    const settings = this.#controls.chosen;
    const onProgress = (share, ahead) => {
      if (signal.aborted) return;
      progress(share);
      say(ahead ? `Waiting: ${ahead} ahead` : "Developing at full size");
    };
    onProgress(0, 0);
    const { url, notes } = await photo.full(settings, { signal, onProgress });
    const original = await photo.original(settings.look, { signal });
    signal.throwIfAborted();
    this.#compare.before(original, photo.width, photo.height);
    await this.#compare.set("exact", url);
    signal.throwIfAborted();
    progress(null);
    showNotes(notes);
    say(`Full size, ${photo.width}\u2009\u00d7\u2009${photo.height}`);
  }
}

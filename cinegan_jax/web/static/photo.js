// A photo on the page: its file, a reduced copy for previews, and the developed results.

import { develop } from "./api.js";

const PREVIEW_SIDE = 1024;
const PREVIEW_OPTIONS = { format: "jpeg", quality: 92, max_side: PREVIEW_SIDE };
const UNCHANGED = { strength: 0, halation: 0, bloom: 0, format: "jpeg" };
const REDUCED_QUALITY = 0.93;

export class Photo {
  #small = null;
  #previews = new Map();
  #original = null;
  #full = null; // last full-size result: {key, blob, name, notes, url}

  /** @param {File} file */
  constructor(file) {
    this.file = file;
    this.name = file.name;
    this.failure = "";
    this.shown = true; // whether the browser can display the file
    this.width = 0; // of the file; of the reduced copy until the file's is known
    this.height = 0;
  }

  /** Returns the reduced copy, made by the browser or, if it cannot, by the server. */
  small(look) {
    this.#small ??= this.#reduce(look).catch((error) => {
      this.#small = null;
      throw error;
    });
    return this.#small;
  }

  /** Returns the URL of the reduced copy with a look and other settings but the method. */
  preview(look, settings = {}) {
    const key = keyOf({ look, ...settings });
    if (!this.#previews.has(key)) {
      const made = this.#forPreview(look, settings)
        .then((file) => develop(file, { look, ...settings, ...PREVIEW_OPTIONS }))
        .then(({ blob }) => URL.createObjectURL(blob));
      made.catch(() => this.#previews.delete(key));
      this.#previews.set(key, made);
    }
    return this.#previews.get(key);
  }

  /** Returns the reduced copy; the file itself for a change of light, of which RAW holds more. */
  async #forPreview(look, { exposure = 0, white_balance: balance = "camera" }) {
    const { blob } = await this.small(look);
    return this.shown || (exposure === 0 && balance === "camera") ? blob : this.file;
  }

  /** Develops at full size in a format that the browser can display: {blob, name, notes, url}. */
  async full(settings, options) {
    const key = keyOf(settings);
    if (this.#full?.key !== key) {
      const format = this.shown ? {} : { format: "jpeg" };
      const made = await develop(this.file, { ...settings, ...format }, options);
      this.#dropFull();
      this.#full = { key, ...made, url: URL.createObjectURL(made.blob) };
      await this.#measure(made.blob);
    }
    return this.#full;
  }

  /** Develops at full size in the photo's own format: {blob, name, notes}. */
  async finished(settings, options) {
    if (this.shown && this.#full?.key === keyOf(settings)) return this.#full;
    return develop(this.file, settings, options);
  }

  /** Returns the URL of the unchanged photo at full size. */
  async original(look, options) {
    if (!this.#original) {
      const settings = { look, ...UNCHANGED };
      const blob = this.shown ? this.file : (await develop(this.file, settings, options)).blob;
      this.#original = URL.createObjectURL(blob);
    }
    return this.#original;
  }

  /** Releases the full-size images. */
  forgetFull() {
    this.#dropFull();
    URL.revokeObjectURL(this.#original);
    this.#original = null;
  }

  async #reduce(look) {
    const bitmap = await createImageBitmap(this.file).catch(() => null);
    this.shown = bitmap !== null;
    const blob = bitmap ? await this.#shrink(bitmap) : await this.#shrinkByServer(look);
    return { blob, url: URL.createObjectURL(blob) };
  }

  async #shrink(bitmap) {
    [this.width, this.height] = [bitmap.width, bitmap.height];
    const scale = Math.min(1, PREVIEW_SIDE / Math.max(bitmap.width, bitmap.height));
    const side = (length) => Math.max(1, Math.round(length * scale));
    const canvas = new OffscreenCanvas(side(bitmap.width), side(bitmap.height));
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    bitmap.close();
    const mayBeTransparent = /png|webp|gif|avif/.test(this.file.type);
    const type = mayBeTransparent ? "image/png" : "image/jpeg";
    return canvas.convertToBlob({ type, quality: REDUCED_QUALITY });
  }

  async #shrinkByServer(look) {
    const { blob } = await develop(this.file, { look, ...UNCHANGED, ...PREVIEW_OPTIONS });
    await this.#measure(blob);
    return blob;
  }

  async #measure(blob) {
    const bitmap = await createImageBitmap(blob);
    [this.width, this.height] = [bitmap.width, bitmap.height];
    bitmap.close();
  }

  #dropFull() {
    URL.revokeObjectURL(this.#full?.url);
    this.#full = null;
  }
}

/** Returns a string that is the same for equal settings; a look file counts as itself. */
function keyOf({ look, ...settings }) {
  const { name, file } = look;
  return JSON.stringify([name, file?.size, file?.lastModified, settings]);
}

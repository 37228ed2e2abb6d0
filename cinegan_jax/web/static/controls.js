// Controls: look, strength, grain and method.

import { byId, percent } from "./page.js";

const METHODS = {
  transfer: () => "The network processes a reduced photo; the change is transferred to full size.",
  tiles: () => "The network processes every pixel, tile by tile. A large photo takes minutes.",
  whole: (limits) =>
    `The network processes the whole photo at once: up to ${limits.whole_pixels / 1e6} megapixels.`,
};

const AMOUNTS = ["exposure", "strength", "grain", "grain_size", "halation", "bloom"];
const ZERO_IS_NONE = ["grain", "halation", "bloom"];

export class Controls {
  #form = byId("controls");
  #limits;
  #onChange;
  #defaults = { halation: 0, bloom: 0 }; // of the chosen look, in percent

  /** Creates a card for each look; calls `onChange` after every change. */
  constructor(looks, limits, onChange) {
    this.#limits = limits;
    this.#onChange = onChange;
    this.looks = [];
    for (const look of looks) this.#addCard(look);
    this.#form.addEventListener("submit", (event) => event.preventDefault());
    this.#form.addEventListener("input", ({ target }) => this.#changed(target.name === "look"));
    this.choose(this.looks[0]);
  }

  /** Look of the server, or file of a look: what `Photo` takes. */
  get look() {
    const chosen = this.#form.querySelector("[name=look]:checked").value;
    return this.looks.find(({ name }) => name === chosen);
  }

  /** Settings to send to the server. */
  get chosen() {
    const { method, white_balance: balance, colour_filter: filter } = this.#form.elements;
    const amounts = AMOUNTS.map((name) => [name, this.#form.elements[name].value / 100]);
    const choices = { white_balance: balance.value, method: method.value };
    if (takesFilter(this.look) && filter.value) choices.colour_filter = filter.value;
    return { look: this.look, ...Object.fromEntries(amounts), ...choices };
  }

  /** Settings that change the photo before any look. */
  get light() {
    const { exposure, white_balance } = this.chosen;
    return { exposure, white_balance };
  }

  /** Selects a look, as a click on its card does. */
  choose({ name }) {
    for (const radio of this.#form.querySelectorAll("[name=look]")) {
      radio.checked = radio.value === name;
    }
    this.#changed(true);
  }

  /** Adds the look of a file, or replaces the one of the same name, and selects it. */
  addFile(file) {
    const old = this.looks.find(({ name }) => name === file.name);
    if (old) old.file = file;
    else this.#addCard({ name: file.name, description: "Your look file.", file });
    this.choose({ name: file.name });
  }

  #addCard({ name, description, monochrome, halation = 0, bloom = 0, file = null }) {
    const card = byId("look-card").content.cloneNode(true);
    card.querySelector("input").value = name;
    const words = file ? name : title(name);
    card.querySelector("b").textContent = words;
    card.querySelector("small").textContent = capital(description);
    const image = card.querySelector("img");
    this.looks.push({ name, title: words, monochrome, halation, bloom, file, image });
    byId("looks").append(card);
  }

  #changed(lookToo) {
    if (lookToo) this.#followLook();
    this.#describe();
    this.#onChange();
  }

  /** Moves halation and bloom to the look's own amounts, unless the user has moved them. */
  #followLook() {
    for (const name of Object.keys(this.#defaults)) {
      const slider = this.#form.elements[name];
      const own = this.look[name] * 100;
      if (Number(slider.value) === this.#defaults[name]) slider.value = own;
      this.#defaults[name] = own;
    }
  }

  #describe() {
    const chosen = this.chosen;
    for (const name of AMOUNTS) {
      if (name === "exposure") continue;
      const none = ZERO_IS_NONE.includes(name) && !chosen[name];
      byId(`${name}-value`).textContent = none ? "none" : percent(chosen[name]);
    }
    const sign = chosen.exposure > 0 ? "+" : "";
    byId("exposure-value").textContent = `${sign}${chosen.exposure.toFixed(1)}\u2009EV`;
    this.#form.elements.grain_size.disabled = !chosen.grain;
    byId("filter").hidden = !takesFilter(chosen.look);
    byId("lut").hidden = chosen.look.file !== null;
    byId("method-help").textContent = METHODS[chosen.method](this.#limits);
  }
}

/** Returns whether a look is black and white, or may be, as that of a file. */
const takesFilter = ({ monochrome, file }) => monochrome || file !== null;

/** Turns classic_neg into "Classic neg". */
function title(name) {
  return capital(name.replaceAll("_", " "));
}

const capital = (words) => words.charAt(0).toUpperCase() + words.slice(1);

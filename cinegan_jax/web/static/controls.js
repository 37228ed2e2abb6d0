// Controls: look, strength, grain and method.

import { byId, percent } from "./page.js";

const METHODS = {
  transfer: () => "The network processes a reduced photo; the change is transferred to full size.",
  tiles: () => "The network processes every pixel, tile by tile. A large photo takes minutes.",
  whole: (limits) =>
    `The network processes the whole photo at once: up to ${limits.whole_pixels / 1e6} megapixels.`,
};

export class Controls {
  #form = byId("controls");
  #limits;

  /** Creates a card for each look; calls `onChange` after every change. */
  constructor(looks, limits, onChange) {
    this.#limits = limits;
    this.looks = looks.map(({ name, description }, index) => {
      const card = byId("look-card").content.cloneNode(true);
      const radio = card.querySelector("input");
      Object.assign(radio, { value: name, checked: index === 0 });
      card.querySelector("b").textContent = title(name);
      card.querySelector("small").textContent = capital(description);
      const image = card.querySelector("img");
      byId("looks").append(card);
      return { name, image };
    });
    this.#form.addEventListener("submit", (event) => event.preventDefault());
    this.#form.addEventListener("input", () => {
      this.#describe();
      onChange();
    });
    this.#describe();
  }

  /** Settings to send to the server. */
  get chosen() {
    const { look, strength, grain, method } = this.#form.elements;
    return {
      look: look.value,
      strength: strength.value / 100,
      grain: grain.value / 100,
      method: method.value,
    };
  }

  #describe() {
    const { strength, grain, method } = this.chosen;
    byId("strength-value").textContent = percent(strength);
    byId("grain-value").textContent = grain ? percent(grain) : "none";
    byId("method-help").textContent = METHODS[method](this.#limits);
  }
}

/** Turns classic_neg into "Classic neg". */
function title(name) {
  return capital(name.replaceAll("_", " "));
}

const capital = (words) => words.charAt(0).toUpperCase() + words.slice(1);

// What is chosen: look, strength, grain, method.

import { byId, percent } from "./page.js";

const METHODS = {
  transfer: () => "The network sees a reduced photo; the change is carried to every pixel.",
  tiles: () => "The network sees every pixel, part by part. Takes minutes for a large photo.",
  whole: (limits) =>
    `The network sees the photo at once: up to ${limits.whole_pixels / 1e6} megapixels.`,
};

export class Controls {
  #form = byId("controls");
  #limits;

  /** Builds a card for each look; `onChange` hears of every change. */
  constructor(looks, limits, onChange) {
    this.#limits = limits;
    this.looks = looks.map(({ name, description }, index) => {
      const card = byId("look-card").content.cloneNode(true);
      const radio = card.querySelector("input");
      Object.assign(radio, { value: name, checked: index === 0 });
      card.querySelector("b").textContent = title(name);
      card.querySelector("small").textContent = capital(description);
      const picture = card.querySelector("img");
      byId("looks").append(card);
      return { name, picture };
    });
    this.#form.addEventListener("submit", (event) => event.preventDefault());
    this.#form.addEventListener("input", () => {
      this.#describe();
      onChange();
    });
    this.#describe();
  }

  /** What the server is to be asked for. */
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

/** classic_neg: Classic neg. */
function title(name) {
  return capital(name.replaceAll("_", " "));
}

const capital = (words) => words.charAt(0).toUpperCase() + words.slice(1);

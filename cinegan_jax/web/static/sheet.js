// The contact sheet: the photo with every look, to choose one by a click.

import { byId, wordsOf } from "./page.js";

export class Sheet {
  #dialog = byId("sheet");
  #controls;

  /**
   * @param {Controls} controls
   * @param {() => Photo} current
   */
  constructor(controls, current) {
    this.#controls = controls;
    byId("sheet-open").addEventListener("click", () => this.#show(current()));
    byId("sheet-close").addEventListener("click", () => this.#dialog.close());
  }

  async #show(photo) {
    const prints = this.#controls.looks.map((look) => [look, this.#print(look)]);
    this.#dialog.querySelector(".prints").replaceChildren(...prints.map(([, print]) => print));
    this.#dialog.showModal();
    for (const [look, print] of prints) {
      try {
        print.querySelector("img").src = await photo.preview(look, this.#controls.light);
      } catch (error) {
        print.querySelector("span").textContent = wordsOf(error);
        print.disabled = true;
      }
      if (!this.#dialog.open) return;
    }
  }

  #print(look) {
    const print = byId("print").content.cloneNode(true).querySelector("button");
    print.querySelector("span").textContent = look.title;
    print.ariaPressed = String(look === this.#controls.look);
    print.addEventListener("click", () => {
      this.#dialog.close();
      this.#controls.choose(look);
    });
    return print;
  }
}

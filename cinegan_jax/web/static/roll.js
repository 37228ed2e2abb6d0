// The strip of thumbnails at the bottom of the page.

import { byId } from "./page.js";

export class Roll {
  #list = byId("roll").querySelector("ol");
  #frames = new Map();

  constructor(onShow, onRemove) {
    this.onShow = onShow;
    this.onRemove = onRemove;
  }

  add(photo) {
    const frame = byId("frame").content.cloneNode(true).querySelector("li");
    const [show, remove] = frame.querySelectorAll("button");
    show.ariaLabel = `Show ${photo.name}`;
    remove.ariaLabel = `Remove ${photo.name}`;
    show.addEventListener("click", () => this.onShow(photo));
    remove.addEventListener("click", () => this.onRemove(photo));
    photo.fails = (words) => {
      photo.failure = words;
      frame.classList.toggle("failed", words !== "");
      show.title = words;
    };
    this.#frames.set(photo, frame);
    this.#list.append(frame);
  }

  remove(photo) {
    this.#frames.get(photo).remove();
    this.#frames.delete(photo);
  }

  /** Shows the thumbnail of a photo. */
  thumbnail(photo, url) {
    const image = this.#frames.get(photo)?.querySelector("img");
    if (image) image.src = url;
  }

  mark(photo) {
    for (const [other, frame] of this.#frames) {
      frame.querySelector(".frame").ariaCurrent = String(other === photo);
    }
    this.#frames.get(photo).scrollIntoView({ block: "nearest", inline: "nearest" });
  }
}

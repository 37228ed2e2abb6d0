// Images over time: one is shown large; a strip, a slider and a button select another.

const FRAME_MS = 350;

export class Strip {
  #root;
  #frames;
  #image;
  #slider;
  #caption;
  #facts;
  #play;
  #thumbs;
  #timer = 0;

  /** @param {Object[]} frames `{image, caption, facts: [[name, value]]}` */
  constructor(root, frames) {
    this.#root = root;
    this.#frames = frames;
    this.#image = root.querySelector("img.shown");
    this.#slider = root.querySelector("input");
    this.#caption = root.querySelector("output");
    this.#facts = root.querySelector("dl");
    this.#play = root.querySelector("button.play");
    this.#thumbs = frames.map((frame, index) => this.#thumb(frame, index));
    root.querySelector(".roll ol").append(...this.#thumbs.map((thumb) => thumb.parentElement));
    this.#slider.max = frames.length - 1;
    this.#slider.addEventListener("input", () => {
      this.#stop();
      this.show(Number(this.#slider.value));
    });
    this.#play.addEventListener("click", () => (this.#timer ? this.#stop() : this.#start()));
    this.show(frames.length - 1);
  }

  show(index) {
    const { image, caption, facts } = this.#frames[index];
    this.#facts.replaceChildren(...facts.map(term));
    this.#image.src = image;
    this.#image.alt = `Samples, ${caption}`;
    this.#caption.textContent = caption;
    this.#slider.value = index;
    this.#slider.ariaValueText = caption;
    for (const [i, thumb] of this.#thumbs.entries()) thumb.ariaCurrent = i === index;
    const roll = this.#root.querySelector(".roll ol");
    const frame = this.#thumbs[index].parentElement;
    roll.scrollLeft = frame.offsetLeft - (roll.clientWidth - frame.clientWidth) / 2;
  }

  #thumb({ image: source, caption }, index) {
    const item = document.createElement("li");
    const button = document.createElement("button");
    const image = document.createElement("img");
    button.type = "button";
    button.className = "frame";
    button.ariaLabel = `Show ${caption}`;
    button.addEventListener("click", () => {
      this.#stop();
      this.show(index);
    });
    Object.assign(image, { decoding: "async", alt: "", src: source });
    button.append(image);
    item.append(button);
    return button;
  }

  #start() {
    const last = this.#frames.length - 1;
    if (Number(this.#slider.value) === last) this.show(0);
    this.#label("Pause");
    this.#timer = setInterval(() => {
      this.show(Number(this.#slider.value) + 1);
      if (Number(this.#slider.value) === last) this.#stop();
    }, FRAME_MS);
  }

  #stop() {
    clearInterval(this.#timer);
    this.#timer = 0;
    this.#label("Play");
  }

  #label(word) {
    this.#play.textContent = word;
  }
}

function term([name, value]) {
  const item = document.createElement("div");
  item.append(Object.assign(document.createElement("dt"), { textContent: name }));
  item.append(Object.assign(document.createElement("dd"), { textContent: value }));
  return item;
}

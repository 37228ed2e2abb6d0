// Before and after in one place: a divider to compare, fit or 100 %, and moving about.

const ARROW_STEP = 60; // CSS pixels

export class Compare {
  #root;
  #frame;
  #cut;
  #handle;
  #images = {};
  #width = 1;
  #height = 1;
  #actual = false;
  #x = 0; // from the viewport's centre to the image's, in CSS pixels
  #y = 0;

  /** @param {HTMLElement} root holds .images, .cut and .handle */
  constructor(root, onZoom) {
    this.#root = root;
    this.#frame = root.querySelector(".images");
    this.#cut = root.querySelector("input.cut");
    this.#handle = root.querySelector(".handle");
    this.onZoom = onZoom;
    for (const name of ["before", "preview", "stronger", "exact"]) {
      this.#images[name] = root.querySelector(`img.${name}`);
    }
    this.#cut.addEventListener("input", () => this.#layout());
    new ResizeObserver(() => this.#layout()).observe(root);
    root.addEventListener("dblclick", (event) => this.zoom(!this.#actual, event));
    root.addEventListener("keydown", (event) => this.#arrow(event));
    this.#dragging();
  }

  /** Opens another photo and drops everything of the previous one. */
  open(url, width, height, name) {
    for (const layer of ["preview", "stronger", "exact"]) this.set(layer, "");
    this.#images.before.alt = `${name}, before`;
    this.#images.exact.alt = this.#images.preview.alt = `${name}, with the look`;
    this.before(url, width, height);
    this.zoom(false);
  }

  /** Shows the original photo, at its full width and height once they are known. */
  before(url, width, height) {
    [this.#width, this.#height] = [width, height];
    this.set("before", url);
    this.#layout();
  }

  /** Sets a layer: preview (strength 1), stronger (1.5) or exact; "" removes it. */
  set(layer, url) {
    const image = this.#images[layer];
    if (!url) image.removeAttribute("src");
    else if (image.src !== url) image.src = url;
    image.hidden = !url;
    return url ? image.decode().catch(() => {}) : Promise.resolve();
  }

  /** Blends the layers towards a strength, 0 to 1.5. */
  strength(value) {
    this.#images.preview.style.opacity = Math.min(value, 1);
    this.#images.stronger.style.opacity = Math.max(0, (value - 1) / 0.5);
  }

  /** Zooms to 100 % (one pixel of the photo for each of the screen), or back to the whole photo. */
  zoom(actual, at) {
    const box = this.#root.getBoundingClientRect();
    const before = this.#scale();
    this.#actual = actual;
    const grown = this.#scale() / before;
    const toMiddle = (side, point, start) => (at ? (point - start - side / 2) * (1 - grown) : 0);
    this.#x = actual ? toMiddle(box.width, at?.clientX, box.left) : 0;
    this.#y = actual ? toMiddle(box.height, at?.clientY, box.top) : 0;
    this.#root.classList.toggle("actual", actual);
    this.#root.tabIndex = actual ? 0 : -1;
    this.#layout();
    this.onZoom(actual);
  }

  #scale() {
    if (this.#actual) return 1 / devicePixelRatio;
    const { clientWidth, clientHeight } = this.#root;
    return Math.min(clientWidth / this.#width, clientHeight / this.#height);
  }

  #layout() {
    const { clientWidth, clientHeight } = this.#root;
    const scale = this.#scale();
    const [width, height] = [this.#width * scale, this.#height * scale];
    this.#x = within(this.#x, (width - clientWidth) / 2);
    this.#y = within(this.#y, (height - clientHeight) / 2);
    const left = Math.round((clientWidth - width) / 2 + this.#x);
    const top = Math.round((clientHeight - height) / 2 + this.#y);
    Object.assign(this.#frame.style, {
      width: `${width}px`,
      height: `${height}px`,
      transform: `translate(${left}px, ${top}px)`,
    });
    this.#divide({
      left: Math.max(left, 0),
      top: Math.max(top, 0),
      right: Math.min(left + width, clientWidth),
      bottom: Math.min(top + height, clientHeight),
    }, left);
  }

  /** Moves the divider to the visible part of the image. */
  #divide(seen, left) {
    const share = this.#cut.value / 100;
    const at = seen.left + share * (seen.right - seen.left);
    const set = (name, value) => this.#root.style.setProperty(name, `${value}px`);
    set("--seen-left", seen.left);
    set("--seen-top", seen.top);
    set("--seen-width", seen.right - seen.left);
    set("--seen-height", seen.bottom - seen.top);
    set("--at", at);
    this.#frame.style.setProperty("--cut", `${Math.max(0, at - left)}px`);
    this.#cut.ariaValueText = `${Math.round(share * 100)} % before, the rest after`;
  }

  #dragging() {
    let last = null;
    this.#root.addEventListener("pointerdown", (event) => {
      if (!this.#actual || event.target === this.#cut) return;
      last = event;
      this.#root.setPointerCapture(event.pointerId);
    });
    this.#root.addEventListener("pointermove", (event) => {
      if (!last) return;
      this.#move(event.clientX - last.clientX, event.clientY - last.clientY);
      last = event;
    });
    for (const end of ["pointerup", "pointercancel"]) {
      this.#root.addEventListener(end, () => (last = null));
    }
  }

  #arrow(event) {
    const by = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    const step = by[event.key];
    if (!this.#actual || !step || event.target === this.#cut) return;
    event.preventDefault();
    this.#move(step[0] * ARROW_STEP, step[1] * ARROW_STEP);
  }

  #move(x, y) {
    this.#x += x;
    this.#y += y;
    this.#layout();
  }
}

function within(value, most) {
  return Math.max(-Math.max(most, 0), Math.min(Math.max(most, 0), value));
}

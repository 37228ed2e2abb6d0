// Elements and messages of the page.

export const byId = (id) => document.getElementById(id);

export const percent = (share) => `${Math.round(share * 100)}\u2009%`;

/** Shows the status of the current photo. */
export function say(words) {
  if (byId("status").textContent !== words) byId("status").textContent = words;
}

/** Shows the completed fraction, 0 to 1; null hides the bar. */
export function progress(share) {
  byId("progress").hidden = share === null;
  byId("progress").value = share ?? 0;
}

/** Shows why the current photo could not be developed; "" clears the message. */
export function fail(words) {
  const failure = document.querySelector(".failure");
  failure.textContent = words;
  failure.hidden = !words;
  if (words) {
    say("");
    progress(null);
  }
}

/** Lists what the user should know of the developed photo, such as metadata that is left out. */
export function showNotes(notes) {
  const place = byId("notes");
  place.hidden = !notes.length;
  place.querySelector("summary").textContent = notes.length === 1 ? "1 note" : `${notes.length} notes`;
  place.querySelector("ul").replaceChildren(
    ...notes.map((words) => Object.assign(document.createElement("li"), { textContent: words })),
  );
}

let fading = 0;

/** Shows a message for a few seconds. */
export function notice(words) {
  clearTimeout(fading);
  byId("notice").textContent = words;
  fading = setTimeout(() => (byId("notice").textContent = ""), 8000);
}

/** Returns the message of an error for the user; logs programming errors to the console. */
export function wordsOf(error) {
  if (error.name === "Problem") return error.message;
  console.error(error);
  return "Something went wrong on this page. Reload it and try again.";
}

/** Waits; rejects with an AbortError when `signal` is aborted. */
export function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}

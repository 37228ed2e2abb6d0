// The page's elements, and words for them.

export const byId = (id) => document.getElementById(id);

export const percent = (share) => `${Math.round(share * 100)}\u2009%`;

/** What happens to the photo that is shown. */
export function say(words) {
  if (byId("status").textContent !== words) byId("status").textContent = words;
}

/** The share done, 0 to 1; null where nothing is under way. */
export function progress(share) {
  byId("progress").hidden = share === null;
  byId("progress").value = share ?? 0;
}

/** Why the photo that is shown could not be developed; "" where it could. */
export function fail(words) {
  const failure = document.querySelector(".failure");
  failure.textContent = words;
  failure.hidden = !words;
  if (words) {
    say("");
    progress(null);
  }
}

let fading = 0;

/** Something that passes. */
export function notice(words) {
  clearTimeout(fading);
  byId("notice").textContent = words;
  fading = setTimeout(() => (byId("notice").textContent = ""), 8000);
}

/** An error in words for the user; programming errors go to the console. */
export function wordsOf(error) {
  if (error.name === "Problem") return error.message;
  console.error(error);
  return "Something went wrong on this page. Reload it and try again.";
}

/** Waits; ends with an AbortError when `signal` does. */
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

// Client of the server's HTTP interface.

import { pause } from "./page.js";

const MAX_RETRIES = 40;
const POLL_MS = 250;

/** Error whose message is shown to the user. */
export class Problem extends Error {
  name = "Problem";
}

export const looks = () => json("v1/looks");
export const limits = () => json("v1/limits");

/** Fetches a look's LUT file. The first request for a look takes a while, as it is fitted then. */
export async function lut(look) {
  const answer = await reach(`v1/lut?look=${encodeURIComponent(look)}&size=33`);
  if (!answer.ok) throw await problem(answer);
  return { blob: await answer.blob(), name: fileName(answer) };
}

/**
 * Applies a look to a photo, and retries while the server is busy.
 * @param {Blob} file
 * @param {object} settings the look, {name, file}, and other fields of the form
 * @param {{signal?: AbortSignal, onProgress?: (share: number, ahead: number) => void}} options
 * @returns {Promise<{blob: Blob, name: string, notes: string[]}>}
 */
export async function develop(file, settings, { signal, onProgress } = {}) {
  const ticket = crypto.randomUUID();
  const form = new FormData();
  const { look, ...others } = settings;
  if (look.file) form.append("look_file", look.file, look.file.name);
  else form.append("look", look.name);
  for (const [name, value] of Object.entries({ ...others, ticket })) form.append(name, value);
  form.append("photo", file, file.name ?? "photo");
  const follower = onProgress && follow(ticket, onProgress);
  try {
    for (let left = MAX_RETRIES; ; left--) {
      const answer = await reach("v1/apply", { method: "POST", body: form, signal });
      if (answer.status === 429 && left > 0) {
        await pause(1000 * Number(answer.headers.get("Retry-After") ?? 3), signal);
        continue;
      }
      if (!answer.ok) throw await problem(answer);
      return { blob: await answer.blob(), name: fileName(answer), notes: notes(answer) };
    }
  } finally {
    clearInterval(follower);
  }
}

function follow(ticket, onProgress) {
  return setInterval(async () => {
    const answer = await fetch(`v1/progress/${ticket}`).catch(() => null);
    if (!answer?.ok) return;
    const { state, share, ahead } = await answer.json();
    if (state !== "unknown") onProgress(share, ahead);
  }, POLL_MS);
}

async function json(address) {
  const answer = await reach(address);
  if (!answer.ok) throw await problem(answer);
  return answer.json();
}

async function reach(address, options) {
  try {
    return await fetch(address, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("The server cannot be reached. Is cinegan serve still running?");
  }
}

async function problem(answer) {
  const body = await answer.json().catch(() => ({}));
  return new Problem(body.error ?? `The server answered with status ${answer.status}.`);
}

function notes(answer) {
  const lines = decodeURIComponent(answer.headers.get("Development-Notes") ?? "");
  return lines ? lines.split("\n") : [];
}

function fileName(answer) {
  const header = answer.headers.get("Content-Disposition") ?? "";
  return decodeURIComponent(header.match(/filename\*=UTF-8''([^;]+)/)?.[1] ?? "photo");
}

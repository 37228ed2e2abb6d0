// Page of an evaluation on image pairs.

import { data } from "./data.js";
import { Compare } from "./compare.js";
import { makeSortable } from "./tables.js";

const byId = (id) => document.getElementById(id);

for (const table of document.querySelectorAll("table.sortable")) makeSortable(table);
if (data.photos.length) start();

function start() {
  fill(byId("group"), data.groups.map((title, index) => [title, index]), data.groups.length - 1);
  fill(byId("method"), data.methods.map(({ name, label }) => [label, name]), data.start);
  fill(byId("metric"), data.metrics.map(({ name, label }) => [label, name]), data.metrics[0].name);
  const compare = new Compare(byId("viewport"), (actual) => press(byId("zoom"), actual ? "actual" : "fit"));
  const state = { photo: null, pair: "result target", order: "worst" };
  const sheet = () => {
    const sorted = byError(state.order);
    byId("sheet").replaceChildren(...sorted.map((photo) => card(photo, open)));
    return sorted;
  };
  const open = (photo) => {
    state.photo = photo;
    show(compare, photo, state.pair);
    for (const button of document.querySelectorAll(".card")) {
      button.ariaCurrent = button.dataset.name === photo.name;
    }
  };
  const refresh = () => open(sheet()[0]);
  for (const select of document.querySelectorAll(".choosers select")) select.addEventListener("input", refresh);
  choose(byId("order"), (value) => {
    state.order = value;
    refresh();
  });
  choose(byId("pair"), (value) => {
    state.pair = value;
    show(compare, state.photo, value);
  });
  byId("zoom").addEventListener("click", (event) => {
    if (event.target.value) compare.zoom(event.target.value === "actual");
  });
  refresh();
}

/** Returns the photos by the chosen score; those without one come last. */
function byError(order) {
  const { higher } = chosenMetric();
  const sign = (higher ? 1 : -1) * (order === "worst" ? 1 : -1);
  const key = (photo) => {
    const score = scoreOf(photo.name, byId("method").value, byId("metric").value);
    return score ? sign * score[0] : Infinity;
  };
  return data.photos.toSorted((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
}

function card(photo, open) {
  const item = document.createElement("li");
  const button = Object.assign(document.createElement("button"), { type: "button", className: "card" });
  const image = Object.assign(document.createElement("img"), { decoding: "async", alt: "" });
  const words = document.createElement("span");
  const name = Object.assign(document.createElement("b"), { textContent: photo.name, title: photo.name });
  const score = scoreOf(photo.name, byId("method").value, byId("metric").value);
  const value = Object.assign(document.createElement("output"), { textContent: score ? score[1] : "\u2013" });
  image.src = resultOf(photo);
  words.append(name, value);
  button.append(image, words);
  button.dataset.name = photo.name;
  button.addEventListener("click", () => {
    open(photo);
    byId("viewport").scrollIntoView({ block: "nearest", behavior: "smooth" });
  });
  item.append(button);
  return item;
}

function show(compare, photo, pair) {
  const images = { photo: photo.images.photo, result: resultOf(photo), target: photo.images.target };
  const names = { photo: "Photo", result: chosenMethod().label, target: "Target" };
  const [left, right] = pair.split(" ");
  compare.open(images[left], photo.width, photo.height, photo.name);
  compare.set("exact", images[right]);
  const [before, after] = document.querySelectorAll("#viewport .tag");
  [before.textContent, after.textContent] = [names[left], names[right]];
  byId("name").textContent = photo.name;
  byId("rank").textContent = rankOf(photo);
  showScores(photo);
}

/** Returns the photo's rank among all scored photos, with and without images here. */
function rankOf(photo) {
  const { label, higher } = chosenMetric();
  const [method, metric] = [byId("method").value, byId("metric").value];
  const own = scoreOf(photo.name, method, metric);
  if (!own) return "";
  const all = Object.keys(data.scores[byId("group").value]).map((name) => scoreOf(name, method, metric));
  const known = all.filter((score) => score);
  const worse = known.filter((score) => (higher ? score[0] < own[0] : score[0] > own[0]));
  return `${label}: ${worse.length + 1} of ${known.length} from the worst`;
}

/** Shows the photo's scores: a row for each metric, a column for each method. */
function showScores(photo) {
  const chosen = byId("method").value;
  const cell = (kind, text, method) => {
    const made = Object.assign(document.createElement(kind), { textContent: text });
    made.className = `number${method === chosen ? " chosen" : ""}`;
    return made;
  };
  const head = document.createElement("tr");
  head.append(document.createElement("th"), ...data.methods.map((m) => cell("th", m.label, m.name)));
  const rows = data.metrics.map(({ name, label }) => {
    const row = document.createElement("tr");
    const heading = Object.assign(document.createElement("th"), { textContent: label, scope: "row" });
    const scores = data.methods.map((m) => cell("td", scoreOf(photo.name, m.name, name)?.[1] ?? "\u2013", m.name));
    row.append(heading, ...scores);
    return row;
  });
  byId("photo-scores").tHead.replaceChildren(head);
  byId("photo-scores").tBodies[0].replaceChildren(...rows);
}

function scoreOf(name, method, metric) {
  return data.scores[byId("group").value][name]?.[method]?.[metric];
}

function resultOf(photo) {
  return photo.images[chosenMethod().image] ?? photo.images.photo;
}

function chosenMethod() {
  return data.methods.find(({ name }) => name === byId("method").value);
}

function chosenMetric() {
  return data.metrics.find(({ name }) => name === byId("metric").value);
}

function fill(select, options, value) {
  select.append(...options.map(([text, value]) => new Option(text, value)));
  select.value = value;
}

function choose(group, onChoice) {
  group.addEventListener("click", ({ target: { value } }) => {
    if (!value) return;
    press(group, value);
    onChoice(value);
  });
}

function press(group, value) {
  for (const button of group.querySelectorAll("button")) button.ariaPressed = button.value === value;
}

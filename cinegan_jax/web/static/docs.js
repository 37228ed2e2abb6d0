// Renders openapi.json as a readable page, without third-party code.

const EXAMPLES = {
  "/v1/apply": "curl -OJ -F photo=@IMG_1234.jpg -F look=classic_neg -F strength=0.8 ORIGIN/v1/apply",
  "/v1/lut": "curl -OJ 'ORIGIN/v1/lut?look=classic_neg&size=33'",
  "/v1/looks": "curl ORIGIN/v1/looks",
  "/v1/limits": "curl ORIGIN/v1/limits",
  "/v1/progress/{ticket}": "curl ORIGIN/v1/progress/TICKET",
  "/healthz": "curl ORIGIN/healthz",
};

const description = await (await fetch("openapi.json")).json();
const page = document.getElementById("paths");
page.append(element("p", `${description.info.summary} ${description.info.description}`));
for (const [path, operations] of Object.entries(description.paths)) {
  for (const [method, operation] of Object.entries(operations)) {
    page.append(section(path, method, operation));
  }
}

function section(path, method, operation) {
  const all = element("section");
  const head = element("h2");
  head.append(element("b", method.toUpperCase()), " ", path);
  all.append(head, element("p", operation.description));
  const fields = [...(operation.parameters ?? []).map(parameter), ...form(operation)];
  if (fields.length) all.append(table(["name", "meaning", "values", "default"], fields));
  if (EXAMPLES[path]) all.append(element("pre", EXAMPLES[path].replace("ORIGIN", location.origin)));
  return all;
}

function parameter({ name, required, schema, description }) {
  return [name, description ?? schema.description ?? "", values(schema), initial(schema, required)];
}

function form({ requestBody }) {
  const reference = requestBody?.content["multipart/form-data"].schema.$ref;
  if (!reference) return [];
  const { properties, required } = description.components.schemas[reference.split("/").at(-1)];
  return Object.entries(properties).map(([name, schema]) =>
    parameter({ name, schema, required: required.includes(name) }),
  );
}

function values(schema) {
  const kind = schema.anyOf?.find(({ type }) => type !== "null") ?? schema;
  if (kind.enum) return kind.enum.join(", ");
  if (kind.contentMediaType || kind.format === "binary") return "file";
  if (kind.minimum === undefined) return kind.type;
  return `${kind.type}, ${kind.minimum} to ${kind.maximum}`;
}

function initial(schema, required) {
  return required ? "required" : String(schema.default ?? "");
}

function table(heads, rows) {
  const all = element("table");
  const row = (cells, kind) => {
    const line = element("tr");
    line.append(...cells.map((cell) => element(kind, String(cell))));
    return line;
  };
  all.append(row(heads, "th"), ...rows.map((cells) => row(cells, "td")));
  return all;
}

function element(kind, text = "") {
  return Object.assign(document.createElement(kind), { textContent: text });
}

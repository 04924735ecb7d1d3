// The engine's facts and evidence, and class legends with each class's share of the picture.
const element = (id) => document.getElementById(id);

const points = new Intl.NumberFormat("en", {
  signDisplay: "exceptZero", minimumFractionDigits: 2, maximumFractionDigits: 2,
});
const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)} %`;

export function showEngine(engine) {
  element("engine-line").textContent =
    `${engine.name} · ${engine.precision} on ${engine.backend} · ${engine.input.width} × ${engine.input.height}`;
  const facts = [
    ["parameters", engine.parameters.toLocaleString("en")],
    ["cost", `${engine.gmacs.toFixed(2)} GMACs`],
    ["slots", `${engine.slots} (${engine.mode})`],
  ];
  element("engine").replaceChildren(...facts.flatMap(([name, value]) => {
    const term = document.createElement("dt");
    term.textContent = name;
    const detail = document.createElement("dd");
    detail.textContent = value;
    return [term, detail];
  }));
  showEvidence(engine.evidence);
  showShares(element("legend"), engine.classes, new Map());
}

function showEvidence(evidence) {
  if (evidence.length === 0) return;
  const table = document.createElement("table");
  const head = table.createTHead().insertRow();
  for (const text of ["measured on", "mIoU", "vs FP32"]) {
    const cell = document.createElement("th");
    cell.textContent = text;
    head.append(cell);
  }
  const body = table.createTBody();
  for (const item of evidence) {
    const row = body.insertRow();
    const seen = item.seen_in_training ? ", seen in training" : "";
    row.insertCell().textContent = `${item.split} (${item.images}${seen})`;
    row.insertCell().textContent = percent(item.miou);
    row.insertCell().textContent = item.reference_miou == null
      ? "–" : points.format(100 * (item.miou - item.reference_miou));
  }
  element("evidence").replaceChildren(table);
}

export function showShares(list, classes, shares) {
  if (list.children.length !== classes.length) list.replaceChildren(...classes.map(legendRow));
  classes.forEach((entry, index) => {
    const share = shares.get(entry.id);
    const row = list.children[index];
    row.querySelector("span:last-of-type").textContent = share === undefined ? "" : percent(share);
    row.querySelector("u").style.width = `${100 * (share ?? 0)}%`;
  });
}

function legendRow(entry) {
  const row = document.createElement("li");
  const swatch = document.createElement("i");
  swatch.style.background = entry.colour;
  const name = document.createElement("span");
  name.textContent = entry.name;
  const bar = document.createElement("u");
  bar.style.background = entry.colour;
  row.append(swatch, name, document.createElement("span"), bar);
  return row;
}

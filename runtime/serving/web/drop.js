// An image dropped here goes to POST /segment; the answer's pixels are the label map itself.
import { showShares } from "/web/legend.js";

const element = (id) => document.getElementById(id);

let engine = null;
let picture = null; // ImageBitmap of what was dropped
let mask = null; // {canvas, ids: Uint8Array, width, height}

export function setUpDropZone(loadedEngine) {
  engine = loadedEngine;
  const zone = element("drop-zone");
  const chooser = element("drop-file");
  zone.addEventListener("click", () => mask === null && chooser.click());
  zone.addEventListener("keydown", (event) => event.key === "Enter" && chooser.click());
  chooser.addEventListener("change", () => chooser.files[0] && segment(chooser.files[0]));
  element("drop-another").addEventListener("click", () => chooser.click());
  zone.addEventListener("dragover", (event) => {
    event.preventDefault();
    zone.classList.add("over");
  });
  zone.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    if (event.dataTransfer.files[0]) segment(event.dataTransfer.files[0]);
  });
  element("drop-opacity").addEventListener("input", draw);
  element("drop-canvas").addEventListener("mousemove", showClassUnderPointer);
  element("drop-canvas").addEventListener("mouseleave", () => (element("drop-class").hidden = true));
}

async function segment(file) {
  const note = element("drop-note");
  note.textContent = `segmenting ${file.name} …`;
  try {
    const started = performance.now();
    const response = await fetch("/segment?format=png", { method: "POST", body: file });
    if (!response.ok) throw new Error((await response.json()).error);
    const answer = await response.blob();
    const elapsed = performance.now() - started;
    picture = await createImageBitmap(file);
    mask = await labelMapOf(answer);
    note.textContent = `${file.name}: ${mask.width} × ${mask.height} in ${elapsed.toFixed(0)} ms`;
    showStages(response.headers.get("Server-Timing") ?? "");
    showResult(answer);
  } catch (error) {
    note.textContent = error.message;
  }
}

async function labelMapOf(png) {
  const bitmap = await createImageBitmap(png, { colorSpaceConversion: "none" });
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
  const idOf = new Map(engine.classes.map((c) => [parseInt(c.colour.slice(1), 16), c.id]));
  const ids = new Uint8Array(bitmap.width * bitmap.height);
  for (let i = 0; i < ids.length; i += 1) {
    ids[i] = idOf.get((data[4 * i] << 16) | (data[4 * i + 1] << 8) | data[4 * i + 2]) ?? 255;
  }
  return { canvas, ids, width: bitmap.width, height: bitmap.height };
}

function showResult(png) {
  const link = element("drop-mask");
  if (link.href) URL.revokeObjectURL(link.href);
  link.href = URL.createObjectURL(png);
  element("drop-hint").hidden = true;
  for (const id of ["drop-canvas", "drop-tools", "drop-shares"]) element(id).hidden = false;
  const canvas = element("drop-canvas");
  canvas.width = mask.width;
  canvas.height = mask.height;
  draw();
  const counts = new Map();
  for (const id of mask.ids) counts.set(id, (counts.get(id) ?? 0) + 1);
  showShares(element("drop-shares"), engine.classes,
    new Map(engine.classes.map((c) => [c.id, (counts.get(c.id) ?? 0) / mask.ids.length])));
}

function draw() {
  const opacity = Number(element("drop-opacity").value);
  element("drop-opacity-value").textContent = `${opacity} %`;
  if (mask === null) return;
  const context = element("drop-canvas").getContext("2d");
  context.globalAlpha = 1;
  context.drawImage(picture, 0, 0, mask.width, mask.height);
  context.globalAlpha = opacity / 100;
  context.drawImage(mask.canvas, 0, 0);
}

function showStages(serverTiming) {
  const stages = [...serverTiming.matchAll(/([a-z_]+);dur=([\d.]+)/g)].map(([, name, dur]) => [name, Number(dur)]);
  const bar = element("drop-times");
  bar.hidden = stages.length === 0;
  bar.replaceChildren(...stages.map(([name, milliseconds]) => {
    const part = document.createElement("span");
    part.style.flexGrow = Math.max(milliseconds, 0.01);
    part.textContent = `${name} ${milliseconds.toFixed(1)} ms`;
    return part;
  }));
}

function showClassUnderPointer(event) {
  const canvas = event.currentTarget;
  const column = Math.floor((event.offsetX / canvas.clientWidth) * mask.width);
  const row = Math.floor((event.offsetY / canvas.clientHeight) * mask.height);
  const entry = engine.classes.find((c) => c.id === mask.ids[row * mask.width + column]);
  const label = element("drop-class");
  label.hidden = !entry;
  if (!entry) return;
  label.textContent = entry.name;
  label.style.left = `${canvas.offsetLeft + event.offsetX + 14}px`;
  label.style.top = `${canvas.offsetTop + event.offsetY + 10}px`;
}

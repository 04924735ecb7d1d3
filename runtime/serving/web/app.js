// The live page: no build step, no dependency, nothing fetched from anywhere but this daemon.
import { Plot } from "/web/plot.js";
import { setUpDropZone } from "/web/drop.js";
import { showEngine, showShares } from "/web/legend.js";

const element = (id) => document.getElementById(id);

const plots = [
  new Plot("Processed", "frames/s", (s) => s.processed_fps, 1),
  new Plot("Latency, median", "ms", (s) => s.latency_ms?.p50, 1),
  new Plot("Latency, 95th percentile", "ms", (s) => s.latency_ms?.p95, 1),
  new Plot("Dropped for fresher frames", "frames", (s) => sum(s.dropped), 0),
];

let engine = null;
let selected = null;

const sum = (counts) => Object.values(counts ?? {}).reduce((total, n) => total + n, 0);

async function start() {
  const response = await fetch("/engine");
  const body = await response.json();
  if (!response.ok) throw new Error(body.error);
  engine = body;
  showEngine(engine);
  plots.forEach((plot) => element("plots").append(plot.node));
  setUpDropZone(engine);
  setUpOpacity();
  listen();
  watchHealth();
}

// ---- streams -------------------------------------------------------------------------------

function select(id) {
  selected = id;
  plots.forEach((plot) => plot.clear());
  for (const tab of element("stream-tabs").children) {
    tab.setAttribute("aria-selected", String(tab.dataset.id === id));
  }
  showStream();
}

function showStream() {
  if (selected === null) return;
  const opacity = Number(element("stream-opacity").value) / 100;
  element("stream").src = `/streams/${encodeURIComponent(selected)}/mjpeg?opacity=${opacity}`;
}

function showTabs(streams) {
  const tabs = element("stream-tabs");
  const known = [...tabs.children].map((tab) => tab.dataset.id).join("\n");
  if (known === streams.map((s) => s.id).join("\n")) return;
  tabs.replaceChildren(...streams.map((stream) => {
    const tab = document.createElement("button");
    tab.type = "button";
    tab.dataset.id = stream.id;
    tab.setAttribute("role", "tab");
    tab.textContent = stream.id;
    tab.addEventListener("click", () => select(stream.id));
    return tab;
  }));
  if (!streams.some((s) => s.id === selected)) select(streams[0]?.id ?? null);
}

function showStatus(streams) {
  element("stream-empty").hidden = streams.length > 0;
  element("stream").hidden = streams.length === 0;
  showTabs(streams);
  const stream = streams.find((s) => s.id === selected);
  const badge = element("stream-state");
  badge.hidden = !stream;
  if (!stream) return;
  badge.textContent = stream.last_error && stream.state !== "RUNNING"
    ? `${stream.state.toLowerCase()}: ${stream.last_error}` : stream.state.toLowerCase();
  badge.className = `badge ${{ RUNNING: "good", FAILED: "bad" }[stream.state] ?? "warn"}`;
  plots.forEach((plot) => plot.add(stream));
  if (stream.classes) showShares(element("legend"), engine.classes, sharesById(stream.classes));
}

const sharesById = (classes) => new Map(classes.map((c) => [c.id, c.share]));

function listen() {
  const events = new EventSource("/events");
  events.onmessage = (event) => showStatus(JSON.parse(event.data).streams);
  // EventSource reconnects by itself; the picture does not, so it is asked for again.
  events.onopen = showStream;
}

function setUpOpacity() {
  const slider = element("stream-opacity");
  slider.addEventListener("input", () => {
    element("stream-opacity-value").textContent = `${slider.value} %`;
  });
  slider.addEventListener("change", showStream);
}

// ---- health --------------------------------------------------------------------------------

async function watchHealth() {
  const badge = element("health");
  try {
    const response = await fetch("/readyz");
    const body = await response.json();
    badge.textContent = response.ok ? "ready" : body.error ?? body.reason ?? "not ready";
    badge.className = `badge ${response.ok ? "good" : "bad"}`;
  } catch {
    badge.textContent = "daemon unreachable";
    badge.className = "badge bad";
  }
  setTimeout(watchHealth, 3000);
}

start().catch((error) => {
  element("health").textContent = error.message;
  element("health").className = "badge bad";
});

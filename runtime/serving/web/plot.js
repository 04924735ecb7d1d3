// A small time series: the newest value as a number, two minutes of history as a line.
const HISTORY_SECONDS = 120;

export class Plot {
  constructor(title, unit, read, digits) {
    this.read = read;
    this.digits = digits;
    this.points = [];
    this.node = document.createElement("div");
    this.node.className = "plot";
    const heading = document.createElement("small");
    heading.textContent = title;
    this.value = document.createElement("b");
    this.value.textContent = "–";
    const units = document.createElement("small");
    units.textContent = ` ${unit}`;
    this.canvas = document.createElement("canvas");
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", `${title}, last two minutes`);
    this.node.append(heading, document.createElement("br"), this.value, units, this.canvas);
  }

  clear() {
    this.points = [];
  }

  add(status) {
    const value = this.read(status);
    if (typeof value !== "number") return;
    const now = performance.now() / 1000;
    this.points.push([now, value]);
    while (this.points[0][0] < now - HISTORY_SECONDS) this.points.shift();
    this.value.textContent = value.toFixed(this.digits);
    this.draw(now);
  }

  draw(now) {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = width * ratio;
    this.canvas.height = height * ratio;
    const context = this.canvas.getContext("2d");
    context.scale(ratio, ratio);
    const top = Math.max(...this.points.map(([, v]) => v), 1e-9) * 1.1;
    const x = (t) => width * (1 - (now - t) / HISTORY_SECONDS);
    const y = (v) => height - 1 - (height - 2) * (v / top);
    const style = getComputedStyle(document.documentElement);
    context.strokeStyle = style.getPropertyValue("--line");
    context.strokeRect(0, height - 1, width, 0);
    context.strokeStyle = style.getPropertyValue("--accent");
    context.lineWidth = 1.6;
    context.beginPath();
    this.points.forEach(([t, v], i) => (i ? context.lineTo(x(t), y(v)) : context.moveTo(x(t), y(v))));
    context.stroke();
    context.fillStyle = style.getPropertyValue("--muted");
    context.font = "10px system-ui";
    context.textAlign = "left";
    context.fillText(top.toFixed(top < 10 ? 1 : 0), 0, 9);
  }
}

// What happened, on the picture: states of boxes, counts on lines, and the timeline. Fed once or again and again.
const run = { nodes: new Map(), edges: new Map(), timeline: null, seen: false };

function learn(change) {
  run.seen = true;
  for (const [id, state] of Object.entries(change.nodes || {})) run.nodes.set(id, { ...run.nodes.get(id), ...state });
  for (const [id, state] of Object.entries(change.edges || {})) run.edges.set(id, { ...run.edges.get(id), ...state });
  if (change.timeline) run.timeline = change.timeline;
}

// Puts what is known on the boxes and lines; returns whether there was room for it.
function showRun(scene) {
  if (!run.seen) return true;
  let crowded = false;
  for (const box of scene.boxes.values()) {
    const state = run.nodes.get(box.id);
    box.element.classList.remove("is-idle", "is-running", "is-waiting", "is-done", "is-failed");
    box.element.querySelector(".badge")?.remove();
    if (state?.state && !box.open) box.element.classList.add(`is-${state.state}`);
    if (box.open) {
      const words = state ? badgeText(state) : "";
      box.element.querySelector(".name").textContent = words ? `${box.name} · ${words}` : box.name;
      continue;
    }
    const text = box.hasState && state ? badgeText(state) : "";
    if (!text) continue;
    const width = widthOf(text, "600 10.5px") + 12;
    crowded ||= width > box.width - 4;
    const badge = make("g", { class: "badge", transform: `translate(0,${(box.height / 2 - STATE_HEIGHT / 2 - 4).toFixed(1)})` }, box.element);
    make("rect", { x: -width / 2, y: -8, width, height: 16, rx: 8 }, badge);
    make("text", {}, badge, text);
  }
  for (const line of scene.lines) {
    const count = run.edges.get(line.id)?.count;
    line.element.querySelector(".count")?.remove();
    line.element.classList.toggle("never", count === 0);
    if (!count || line.overlay) continue;
    const number = make("tspan", { class: "count" }, line.element.querySelector("text"), `${lineText(line) ? " · " : ""}${count}×`);
    number.setAttribute("dx", "0");
  }
  return !crowded;
}

function badgeText(state) {
  const parts = [];
  if (state.count) parts.push(`${state.count}×`);
  if (state.failed) parts.push(`${state.failed} failed`);
  if (state.running) parts.push(`${state.running} running`);
  if (state.seconds) parts.push(seconds(state.seconds));
  return parts.join(" · ");
}

function drawTimeline(host) {
  const line = run.timeline;
  host.hidden = !line;
  if (!line) return;
  const svg = host.querySelector(":scope > svg"), note = host.querySelector("p");
  note.textContent = line.note || "";
  note.hidden = !line.note;
  drawKey(host.querySelector("summary"), line.lanes);
  svg.replaceChildren();
  const left = Math.min(260, Math.max(60, ...line.lanes.map((lane) => (lane.heading ? 0 : widthOf(lane.label, "11px") + 14 + (lane.inner ? 12 : 0)))));
  const width = Math.max(420, host.clientWidth - 30), room = width - left - 16, row = 22;
  const length = line.length || 1e-6, x = (time) => left + (time / length) * room;
  svg.setAttribute("width", width);
  svg.setAttribute("viewBox", `0 0 ${width} ${row * (line.lanes.length + 1) + 6}`);
  svg.setAttribute("height", row * (line.lanes.length + 1) + 6);
  for (let i = 0; i <= 5; i++) {
    make("line", { class: "rule", x1: x((length * i) / 5), x2: x((length * i) / 5), y1: row - 4, y2: row * (line.lanes.length + 1) }, svg);
    make("text", { class: "tick", x: x((length * i) / 5), y: 9, "text-anchor": i === 5 ? "end" : i ? "middle" : "start" }, svg, seconds((length * i) / 5));
  }
  line.lanes.forEach((lane, number) => {
    const y = row * (number + 1);
    if (lane.heading) {
      make("line", { class: "rule", x1: 0, x2: width, y1: y + 1, y2: y + 1 }, svg);
      make("text", { class: "heading", x: 0, y: y + row / 2 + 1 }, svg, lane.label);
      return;
    }
    make("text", { x: lane.inner ? 12 : 0, y: y + row / 2 - 2 }, svg, lane.label);
    for (const span of lane.spans) drawAround(svg, span, x, y);
    for (const span of lane.spans) drawSpan(svg, span, x, y);
  });
}

// What lies around the work of an attempt: the queue, and the times in which it was suspended and held no worker.
function drawAround(svg, span, x, y) {
  if (span.start > span.queued) make("rect", { class: "queued", x: x(span.queued), y: y + 17, width: Math.max(1, x(span.start) - x(span.queued)), height: 3 }, svg);
  for (const wait of span.waits || []) {
    const bar = make("rect", { class: `wait ${wait.look}`, x: x(wait.start), y: y + 6, width: Math.max(1, x(wait.end) - x(wait.start)), height: 6 }, svg);
    make("title", {}, bar, wait.text);
  }
}

function drawSpan(svg, span, x, y) {
  for (const [start, end] of workOf(span)) {
    const width = x(end) - x(start);
    const bar = make("rect", { class: `bar ${span.look}`, x: x(start), y: y + 2, width: Math.max(span.waits ? 1 : 2, width), height: 14, rx: Math.min(2, width / 2) }, svg);
    make("title", {}, bar, span.text);
    if (span.number > 1 && width > 12 && start === span.start) make("text", { class: "retry", x: (x(start) + x(end)) / 2, y: y + 9 }, svg, `${span.number}`);
  }
}

// The stretches of a span that lie outside of its waits.
function workOf(span) {
  const parts = [];
  let at = span.start;
  for (const wait of [...(span.waits || [])].sort((a, b) => a.start - b.start)) {
    if (wait.start > at) parts.push([at, wait.start]);
    at = Math.max(at, wait.end);
  }
  if (span.end > at || !parts.length) parts.push([at, span.end]);
  return parts;
}

const KEYS = { outside: "waits for somebody", sleep: "sleeps", child: "runs a child workflow" };

// Says what the thin bars are, where there are any.
function drawKey(summary, lanes) {
  for (const old of summary.querySelectorAll(".key")) old.remove();
  const spans = lanes.flatMap((lane) => lane.spans);
  const add = (kind, words) => {
    const key = document.createElement("span");
    key.className = "key";
    summary.append(key);
    const sample = make("svg", { width: 18, height: 8 }, key);
    make("rect", { class: kind, x: 0, y: kind === "queued" ? 3 : 1, width: 18, height: kind === "queued" ? 3 : 6 }, sample);
    key.append(words);
  };
  if (spans.some((span) => span.start > span.queued)) add("queued", "in the queue");
  for (const [look, words] of Object.entries(KEYS)) {
    if (spans.some((span) => (span.waits || []).some((wait) => wait.look === look))) add(`wait ${look}`, words);
  }
}

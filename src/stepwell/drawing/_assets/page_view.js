// The view: camera, choice, panel, tools. Everything the reader does with the picture.
const data = JSON.parse(document.getElementById("data").textContent);
const element = (id) => document.getElementById(id);
const stage = element("stage"), svg = stage.querySelector("svg"), layer = make("g", {}, svg), about = element("about");
const view = { x: 0, y: 0, scale: 1, direction: "TB", opened: new Set(), picked: null, scene: null, moved: false };

const SHEET = { width: 690, height: 860 }; // pixels that fit on a sheet of A4 or letter
const LEGIBLE = 0.62; // below this scale names are guesswork

function place() {
  layer.setAttribute("transform", `translate(${view.x.toFixed(2)},${view.y.toFixed(2)}) scale(${view.scale.toFixed(4)})`);
  placeFrame();
}

function wholeScale() {
  return Math.max(0.05, Math.min(1.4, stage.clientWidth / (view.scene.width + 24), stage.clientHeight / (view.scene.height + 24)));
}

// The first look: all of it where that can be read, else the beginning, with the overview for the rest.
function open() {
  fit();
  if (view.scale >= LEGIBLE) return;
  const first = [...view.scene.boxes.values()].find((box) => box.look === "start") || [...view.scene.boxes.values()][0];
  view.scale = 0.9;
  view.x = view.direction === "TB" ? stage.clientWidth / 2 - first.x * view.scale : 24;
  view.y = view.direction === "TB" ? 16 : stage.clientHeight / 2 - first.y * view.scale;
  place();
}

function drawOverview() {
  const map = element("overview"), { width, height } = view.scene;
  map.toggleAttribute("hidden", wholeScale() >= LEGIBLE); // SVG elements have no "hidden" property
  const scale = Math.min((view.direction === "TB" ? 150 : stage.clientWidth * 0.6) / width, (stage.clientHeight - 90) / height, 0.2);
  map.setAttribute("viewBox", `0 0 ${width} ${height}`);
  map.setAttribute("width", Math.max(24, width * scale));
  map.setAttribute("height", Math.max(24, height * scale));
  map.replaceChildren();
  make("rect", { class: "sheet", width, height }, map);
  for (const line of view.scene.lines) if (!line.overlay) make("path", { class: "way", d: bend(line.points) }, map);
  for (const box of view.scene.boxes.values()) {
    make("rect", { class: `spot ${box.look}`, x: box.x - box.width / 2, y: box.y - box.height / 2, width: box.width, height: box.height, rx: 8 }, map);
  }
  make("rect", { class: "frame" }, map);
  placeFrame();
}

function placeFrame() {
  const frame = document.querySelector("#overview .frame");
  if (!frame) return;
  const values = { x: -view.x / view.scale, y: -view.y / view.scale, width: stage.clientWidth / view.scale, height: stage.clientHeight / view.scale };
  for (const [name, value] of Object.entries(values)) frame.setAttribute(name, value);
}

function fit() {
  const { width, height } = view.scene;
  view.scale = wholeScale();
  view.x = (stage.clientWidth - width * view.scale) / 2;
  view.y = (stage.clientHeight - height * view.scale) / 2;
  view.moved = false;
  place();
}

function zoom(factor, x = stage.clientWidth / 2, y = stage.clientHeight / 2) {
  const scale = Math.max(0.05, Math.min(6, view.scale * factor));
  view.x = x - ((x - view.x) * scale) / view.scale;
  view.y = y - ((y - view.y) * scale) / view.scale;
  view.scale = scale;
  view.moved = true;
  place();
}

function draw() {
  view.scene = buildScene(data, view.opened, data.max_label_length);
  layOut(view.scene, view.direction);
  drawScene(view.scene, layer);
  showRun(view.scene);
  if (view.picked && !view.scene.boxes.has(view.picked)) view.picked = null;
  highlight();
  drawOverview();
}

function highlight(found = null) {
  const ways = view.picked ? waysThrough(view.scene, view.picked) : found ? { boxes: found, lines: new Set() } : null;
  layer.classList.toggle("dimmed", ways !== null);
  for (const box of view.scene.boxes.values()) {
    box.element.classList.toggle("on", Boolean(ways?.boxes.has(box.id)));
    box.element.classList.toggle("picked", box.id === view.picked);
  }
  for (const line of view.scene.lines) line.element.classList.toggle("on", Boolean(ways?.lines.has(line.id)));
}

function choose(id) {
  view.picked = id && view.scene.boxes.has(id) ? id : null;
  highlight();
  tell(view.picked);
}

function toggle(id) {
  if (view.opened.has(id)) view.opened.delete(id); else view.opened.add(id);
  draw();
  fit();
  if (view.scale < LEGIBLE) show(view.scene.boxes.get(id));
}

// Puts the upper edge of a box where it can be seen, at a scale at which it can be read.
function show(box) {
  view.scale = 0.9;
  view.x = stage.clientWidth / 2 - box.x * view.scale;
  view.y = Math.min(stage.clientHeight / 2, 90) - (box.y - box.height / 2) * view.scale;
  view.moved = true;
  place();
}

function html(tag, text, parent, className = "") {
  const made = document.createElement(tag);
  if (text !== null) made.textContent = text;
  if (className) made.className = className;
  parent.append(made);
  return made;
}

function tell(id) {
  const box = id && view.scene.boxes.get(id);
  about.hidden = !box;
  about.classList.toggle("pinned", Boolean(box) && id === view.picked);
  if (!box) return;
  const { node } = box;
  about.replaceChildren();
  html("h2", node.label, about);
  html("div", KINDS[box.look], about, "kind");
  if (node.signature) html("pre", node.signature, about);
  if (node.description) html("p", node.description, about);
  const facts = factsOf(box);
  const list = html("dl", null, about);
  for (const [name, value] of facts) { html("dt", name, list); html("dd", value, list); }
}

function factsOf({ id, node, trouble }) {
  const facts = [];
  const say = (name, value) => { if (value !== null && value !== undefined && value !== "") facts.push([name, String(value)]); };
  for (const text of trouble) say("problem", text);
  if (node.node_type === "step") {
    say("workers", node.num_workers);
    say("time limit", node.timeout === null ? null : seconds(node.timeout));
    say("retry", node.retry_policy);
    say("runs in", node.is_async ? "the event loop" : "a thread");
    say("takes", node.accepts_subclasses ? "subclasses too" : null);
    say("streams", node.streams.join(", "));
    if (node.handles) { say("covers", node.handles.covers.join(", ") || "no step"); say("recoveries", `${node.handles.max_recoveries} in a line of descent`); }
  }
  for (const [name, schema] of Object.entries((node.event_schema || node.config_schema || {}).properties || {})) {
    say(name, typeText(schema));
  }
  say("type", node.type_name);
  say("scope", node.scope ? `one for each ${node.cached ? node.scope : "attempt"}` : null);
  say("file", node.config_file);
  const state = run.nodes.get(id);
  if (state) {
    say("state", state.state);
    say("times", state.count);
    say("failed", state.failed);
    say("retried", state.retries);
    say("total time", state.seconds === undefined ? null : seconds(state.seconds));
    say("longest", state.longest === undefined ? null : seconds(state.longest));
    say("suspended", state.waited ? seconds(state.waited) : null);
    say("waited in queue", state.queued === undefined ? null : seconds(state.queued));
  }
  say("source", node.source ? `${node.source.file}:${node.source.line}` : null);
  return facts;
}

function typeText(schema) {
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.map(typeText).join(" | ");
  if (schema.type === "array") return `list of ${schema.items ? typeText(schema.items) : "anything"}`;
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  return (schema.format ? `${schema.type} (${schema.format})` : schema.type) || "anything";
}

function legend() {
  const host = element("legend");
  const looks = new Map([...view.scene.boxes.values()].map((box) => [box.look, box]));
  for (const [look] of looks) {
    const row = html("div", null, host);
    const sample = make("svg", { width: 44, height: 24, viewBox: "-24 -13 48 26" }, row);
    const group = make("g", { class: `node sample ${look}` }, sample);
    make("path", { class: "shape", d: outline(look, 42, 20) }, group);
    const extra = inner(look, 42, 20);
    if (extra) make("path", { class: "inner", d: extra }, group);
    if (GLYPHS[look]) make("path", { class: "glyph", d: GLYPHS[look], transform: "scale(.8)" }, group);
    html("span", KINDS[look], row);
  }
}

function header() {
  document.title = `${data.graph.name} — stepwell`;
  element("name").textContent = data.graph.name;
  const steps = data.graph.nodes.filter((node) => node.node_type === "step").length;
  const events = data.graph.nodes.filter((node) => node.node_type === "event").length;
  element("summary").textContent = data.execution?.summary || `${steps} step${steps === 1 ? "" : "s"}, ${events} event${events === 1 ? "" : "s"}`;
  const problems = element("problems");
  problems.hidden = !data.graph.problems.length;
  element("problem-count").textContent = `${data.graph.problems.length} problem${data.graph.problems.length === 1 ? "" : "s"}: this workflow cannot run as it is`;
  for (const problem of data.graph.problems) html("li", `${problem.text} (${problem.source.file}:${problem.source.line})`, element("problem-list"));
}

function listen() {
  const nodeAt = (target) => target.closest?.(".node")?.dataset.id ?? null;
  let drag = null;
  svg.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    drag = { x: event.clientX, y: event.clientY, far: false };
  });
  svg.addEventListener("pointermove", (event) => {
    if (!drag) return;
    const dx = event.clientX - drag.x, dy = event.clientY - drag.y;
    if (!drag.far && Math.hypot(dx, dy) < 4) return;
    if (!drag.far) svg.setPointerCapture(event.pointerId);
    Object.assign(drag, { x: event.clientX, y: event.clientY, far: true });
    svg.classList.add("dragging");
    view.x += dx;
    view.y += dy;
    view.moved = true;
    place();
  });
  const drop = (event) => {
    const was = drag;
    drag = null;
    svg.classList.remove("dragging");
    if (!was || was.far || event.type === "pointercancel") return;
    const knob = event.target.closest?.(".toggle");
    if (knob) toggle(knob.dataset.toggle); else choose(nodeAt(event.target));
  };
  svg.addEventListener("pointerup", drop);
  svg.addEventListener("pointercancel", drop);
  svg.addEventListener("dblclick", (event) => {
    const box = view.scene.boxes.get(nodeAt(event.target));
    if (box?.look === "child" && !event.target.closest(".toggle")) toggle(box.id);
  });
  svg.addEventListener("wheel", (event) => {
    event.preventDefault();
    const frame = stage.getBoundingClientRect();
    zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), event.clientX - frame.left, event.clientY - frame.top);
  }, { passive: false });
  svg.addEventListener("pointerover", (event) => { if (!drag) tell(nodeAt(event.target) ?? view.picked); });
  svg.addEventListener("pointerleave", () => tell(view.picked));
  svg.addEventListener("focusin", (event) => tell(nodeAt(event.target) ?? view.picked));
  svg.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    if (event.target.dataset.toggle) toggle(event.target.dataset.toggle); else choose(nodeAt(event.target));
  });
  document.addEventListener("keydown", (event) => {
    if (event.target instanceof HTMLInputElement) { if (event.key === "Escape") event.target.blur(); return; }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const action = { "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(0.8), 0: fit, f: fit, Escape: () => choose(null) }[event.key];
    if (action) action();
  });
  element("closer").addEventListener("click", () => zoom(1.25));
  element("farther").addEventListener("click", () => zoom(0.8));
  element("fit").addEventListener("click", fit);
  element("turn").addEventListener("click", () => { view.direction = view.direction === "TB" ? "LR" : "TB"; draw(); open(); });
  const overview = element("overview");
  const goTo = (event) => {
    if (event.buttons !== 1) return;
    const box = overview.getBoundingClientRect();
    view.x = stage.clientWidth / 2 - ((event.clientX - box.left) / box.width) * view.scene.width * view.scale;
    view.y = stage.clientHeight / 2 - ((event.clientY - box.top) / box.height) * view.scene.height * view.scale;
    view.moved = true;
    place();
  };
  overview.addEventListener("pointerdown", goTo);
  overview.addEventListener("pointermove", goTo);
  element("find").addEventListener("input", (event) => {
    const wanted = event.target.value.trim().toLowerCase();
    view.picked = null;
    tell(null);
    highlight(wanted ? new Set([...view.scene.boxes.values()].filter((box) => box.node.label.toLowerCase().includes(wanted)).map((box) => box.id)) : null);
  });
  new ResizeObserver(() => { if (!view.moved) open(); drawOverview(); drawTimeline(element("timeline")); }).observe(stage);
  addEventListener("beforeprint", () => {
    const { width, height } = view.scene;
    const whole = Math.min(1, SHEET.width / width, SHEET.height / height);
    const scale = whole >= LEGIBLE ? whole : Math.min(0.8, SHEET.width / width); // long ones go on over several sheets
    stage.style.height = `${Math.ceil(height * scale)}px`;
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    layer.removeAttribute("transform");
  });
  addEventListener("afterprint", () => { stage.style.height = ""; svg.removeAttribute("viewBox"); place(); });
}

function update(change) {
  const fresh = !run.seen;
  learn(change);
  if (change.summary) element("summary").textContent = change.summary;
  if (fresh || !showRun(view.scene)) draw();
  drawTimeline(element("timeline"));
  tell(view.picked);
}

header();
if (data.execution) learn(data.execution);
draw();
legend();
drawTimeline(element("timeline"));
open();
listen();
window.stepwell = { update, fit, zoom, choose, toggle, graph: data.graph, run };

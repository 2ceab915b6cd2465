// The picture: boxes and lines as SVG. Text goes in as text nodes only.
const SVG = "http://www.w3.org/2000/svg";

function make(tag, attributes = {}, parent = null, text = null) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== null) element.textContent = text;
  if (parent) parent.append(element);
  return element;
}

// The outline of a box around (0, 0): each kind has a shape of its own, so that colour is never needed to tell them apart.
function outline(look, width, height) {
  const w = width / 2, h = height / 2;
  switch (look) {
    case "step": return rounded(w, h, 5);
    case "handler": return `M${-w + 9},${-h}H${w - 9}L${w},${-h + 9}V${h - 9}L${w - 9},${h}H${-w + 9}L${-w},${h - 9}V${-h + 9}Z`;
    case "ask": return `M${-w + 12},${-h}H${w}L${w - 12},${h}H${-w}Z`;
    case "answer": return `M${-w},${-h}H${w - 12}L${w},${h}H${-w + 12}Z`;
    case "external": return `M${-w + 14},${-h}H${w - 14}L${w},0L${w - 14},${h}H${-w + 14}L${-w},0Z`;
    case "resource": return `M${-w},${-h + 6}A${w},6 0 0 1 ${w},${-h + 6}V${h - 6}A${w},6 0 0 1 ${-w},${h - 6}Z`;
    case "resource_config": return `M${-w},${-h}H${w - 10}L${w},${-h + 10}V${h}H${-w}Z`;
    case "child": case "unknown": return rounded(w, h, 1);
    default: return rounded(w, h, Math.min(h, 17));
  }
}

function rounded(w, h, r) {
  return `M${-w + r},${-h}H${w - r}A${r},${r} 0 0 1 ${w},${-h + r}V${h - r}A${r},${r} 0 0 1 ${w - r},${h}H${-w + r}A${r},${r} 0 0 1 ${-w},${h - r}V${-h + r}A${r},${r} 0 0 1 ${-w + r},${-h}Z`;
}

function inner(look, width, height) {
  const w = width / 2, h = height / 2;
  if (look === "resource") return `M${-w},${-h + 6}A${w},6 0 0 0 ${w},${-h + 6}`;
  if (look === "resource_config") return `M${w - 10},${-h}V${-h + 10}H${w}`;
  if (look === "child") return `M${-w + 7},${-h}V${h}M${w - 7},${-h}V${h}`;
  return null;
}

const GLYPHS = {
  start: "M-4,-5L5,0L-4,5Z", stop: "M-4.5,-4.5H4.5V4.5H-4.5Z",
  external: "M0,-1A3,3 0 1 0 0,-7A3,3 0 1 0 0,-1M-5,7C-5,0 5,0 5,7",
  ask: "M-4,-3.5C-3,-8 5,-7 4,-2.5C3.3,0 0,0 0,3M0,5.5V6.5", answer: "M5,-4V0C5,2 4,3 2,3H-5M-2,0L-5,3L-2,6",
};

function drawScene(scene, layer, run) {
  layer.replaceChildren();
  const ordered = [...scene.boxes.values()];
  for (const box of ordered.filter((one) => one.open)) drawCluster(box, layer, run);
  for (const line of scene.lines) drawLine(line, scene, layer, run);
  for (const box of ordered.filter((one) => !one.open)) drawBox(box, layer);
}

function boxGroup(box, layer, classes) {
  const group = make("g", { class: `node ${classes}`, tabindex: "0", role: "button", transform: `translate(${at(box)})` }, layer);
  group.dataset.id = box.id;
  group.setAttribute("aria-label", `${KINDS[box.look]} ${box.node.label}`);
  box.element = group;
  return group;
}

function drawCluster(box, layer) {
  const group = boxGroup(box, layer, "cluster");
  make("path", { class: "shape", d: rounded(box.width / 2, box.height / 2, 6) }, group);
  make("text", { class: "name", x: -box.width / 2 + 10, y: -box.height / 2 + 13 }, group, box.name);
  drawToggle(group, box.width / 2 - 14, -box.height / 2 + 14, box);
}

function drawToggle(group, x, y, box) {
  const toggle = make("g", { class: "toggle", transform: `translate(${x},${y})`, role: "button", tabindex: "0" }, group);
  toggle.dataset.toggle = box.id;
  toggle.setAttribute("aria-label", `${box.open ? "close" : "open"} ${box.node.label}`);
  make("circle", { r: 8 }, toggle);
  make("path", { d: box.open ? "M-4,0H4" : "M-4,0H4M0,-4V4" }, toggle);
}

function drawBox(box, layer) {
  const group = boxGroup(box, layer, box.look);
  make("path", { class: "shape", d: outline(box.look, box.width, box.height) }, group);
  const extra = inner(box.look, box.width, box.height);
  if (extra) make("path", { class: "inner", d: extra }, group);
  const y = (box.marks.length ? -MARK_HEIGHT / 2 : 0) - (box.hasState ? STATE_HEIGHT / 2 : 0) + (box.look === "resource" ? 4 : 0);
  const shift = hasGlyph(box.look) ? GLYPH_ROOM / 2 : 0;
  const left = box.look === "child" ? -9 : shift;
  make("text", { class: "name", x: left, y }, group, box.name);
  if (shift) {
    const x = shift - widthOf(box.name, "600 13px") / 2 - 11;
    make("path", { class: "glyph", d: GLYPHS[box.look], transform: `translate(${x.toFixed(1)},${y})` }, group);
  }
  if (box.marks.length) make("text", { class: "mark", x: box.look === "child" ? -9 : 0, y: y + MARK_HEIGHT + 2 }, group, box.marks.join("  ·  "));
  if (box.look === "child") drawToggle(group, box.width / 2 - 20, 0, box);
  if (box.trouble.length) {
    const warning = make("g", { class: "warning", transform: `translate(${-box.width / 2},${-box.height / 2})` }, group);
    make("circle", { r: 8 }, warning);
    make("text", {}, warning, "!");
  }
}

// Room is kept for a label beside the bends; the label itself belongs on the line.
function nearestOn(curve, wanted) {
  const length = curve.getTotalLength();
  let best = null;
  for (let i = 1; i < 24; i++) {
    const point = curve.getPointAtLength((length * i) / 24);
    const distance = Math.hypot(point.x - wanted.x, point.y - wanted.y);
    if (!best || distance < best.distance) best = { x: point.x, y: point.y, distance };
  }
  return best;
}

function drawLine(line, scene, layer) {
  const several = line.edge.cardinality === "all" || line.edge.cardinality === "first" ? " list" : "";
  const group = make("g", { class: `edge ${line.edge.kind}${several}${line.loop ? " loop" : ""}${line.overlay ? " overlay" : ""}` }, layer);
  group.dataset.id = line.id;
  line.element = group;
  const source = scene.boxes.get(line.source), target = scene.boxes.get(line.target);
  const inside = line.points.slice(1, -1);
  const points = inside.length
    ? [borderPoint(source, inside[0]), ...inside, borderPoint(target, inside[inside.length - 1])]
    : [borderPoint(source, target), borderPoint(target, source)];
  const head = headOf(points);
  const path = bend([...points.slice(0, -1), head.end]);
  make("path", { class: "reach", d: path }, group);
  const curve = make("path", { class: "line", d: path }, group);
  if (line.edge.kind === "fan_out" || several) make("path", { class: "gap", d: path }, group);
  make("path", { class: "head", d: head.path }, group);
  if (line.overlay) return;
  const spot = nearestOn(curve, line.at || points[Math.floor(points.length / 2)]);
  const words = make("text", { x: spot.x, y: spot.y }, group);
  const word = document.createElementNS(SVG, "tspan");
  word.textContent = lineText(line);
  words.append(word);
}

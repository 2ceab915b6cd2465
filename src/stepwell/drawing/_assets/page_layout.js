// Sizes and places: text is measured, dagre lays out, lines are bent through its points.
const NAME_HEIGHT = 34, MARK_HEIGHT = 15, GLYPH_ROOM = 18, STATE_HEIGHT = 20, TITLE_HEIGHT = 16;
const ruler = document.createElement("canvas").getContext("2d");

function widthOf(text, font) {
  ruler.font = `${font} ${getComputedStyle(document.body).fontFamily}`;
  return ruler.measureText(text).width;
}

function hasGlyph(look) {
  return ["start", "stop", "external", "ask", "answer"].includes(look);
}

function sizeOf(box) {
  const name = widthOf(box.name, "600 13px") + (hasGlyph(box.look) ? GLYPH_ROOM : 0);
  const marks = box.marks.length ? widthOf(box.marks.join("  ·  "), "10.5px") : 0;
  const room = { step: 26, handler: 36, resource_config: 36, child: 66, external: 44 }[box.look] || 36;
  const state = box.hasState ? Math.max(58, widthOf(badgeText(run.nodes.get(box.id)), "600 10.5px") + 14) - 12 : 0;
  const height = NAME_HEIGHT + (box.hasState ? STATE_HEIGHT : 0) + (box.marks.length ? MARK_HEIGHT : 0) + (box.look === "resource" ? 12 : 0);
  return { width: Math.max(name, marks, 30, state - 14) + room, height };
}

function layOut(scene, direction) {
  const graph = new dagre.graphlib.Graph({ compound: true, multigraph: true });
  const opened = [...scene.boxes.values()].some((box) => box.open);
  graph.setGraph({ rankdir: direction, nodesep: opened ? 34 : 26, edgesep: 14, ranksep: opened ? 50 : 34, marginx: 20, marginy: 20 + (opened ? TITLE_HEIGHT : 0) });
  for (const box of scene.boxes.values()) {
    box.hasState = run.seen && (box.node.node_type === "step" || box.node.node_type === "child") && run.nodes.has(box.id);
    graph.setNode(box.id, box.open ? { label: box.name } : sizeOf(box));
  }
  for (const box of scene.boxes.values()) if (box.parent) graph.setParent(box.id, box.parent);
  for (const line of scene.lines) {
    if (line.overlay) continue;
    const label = lineText(line) || run.edges.has(line.id);
    const size = label ? { width: widthOf(lineText(line), "10.5px") + 8 + (run.edges.has(line.id) ? 30 : 0), height: 14, labelpos: "c" } : {};
    const [from, to] = line.loop && line.source !== line.target ? [line.target, line.source] : [line.source, line.target];
    graph.setEdge(from, to, { ...size, weight: line.loop ? 1 : WEIGHT[line.edge.kind] || 1 }, line.id);
  }
  dagre.layout(graph);
  for (const box of scene.boxes.values()) {
    Object.assign(box, pick(graph.node(box.id)));
    if (!box.open) continue;
    box.y -= TITLE_HEIGHT / 2; // room for the title, which dagre does not know of
    box.height += TITLE_HEIGHT;
  }
  for (const line of scene.lines) {
    if (line.overlay) { line.points = [scene.boxes.get(line.source), scene.boxes.get(line.target)].map(({ x, y }) => ({ x, y })); continue; }
    const turned = line.loop && line.source !== line.target;
    const laid = turned ? graph.edge(line.target, line.source, line.id) : graph.edge(line.source, line.target, line.id);
    line.points = turned ? [...laid.points].reverse() : laid.points;
    line.at = laid.x === undefined ? null : { x: laid.x, y: laid.y };
  }
  const { width, height } = graph.graph();
  scene.width = width;
  scene.height = height;
}

const WEIGHT = { event: 4, fan_out: 4, join: 4, human: 2 };
const pick = ({ x, y, width, height }) => ({ x, y, width, height });

function lineText(line) {
  return line.loop ? (line.text ? `loop · ${line.text}` : "loop") : line.text;
}

// Where the way from inside a box to a point leaves its rectangle.
function borderPoint(box, towards) {
  const dx = towards.x - box.x, dy = towards.y - box.y;
  if (!dx && !dy) return { x: box.x, y: box.y };
  const scale = Math.min(dx ? box.width / 2 / Math.abs(dx) : Infinity, dy ? box.height / 2 / Math.abs(dy) : Infinity);
  return { x: box.x + dx * scale, y: box.y + dy * scale };
}

function bend(points) {
  const [first, ...rest] = points;
  if (rest.length < 2) return `M${at(first)}L${at(rest[0])}`;
  let path = `M${at(first)}`;
  for (let i = 0; i < rest.length - 1; i++) {
    const end = i === rest.length - 2 ? rest[i + 1] : middle(rest[i], rest[i + 1]);
    path += `Q${at(rest[i])} ${at(end)}`;
  }
  return path;
}

const at = (point) => `${point.x.toFixed(1)},${point.y.toFixed(1)}`;
const middle = (a, b) => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });

function headOf(points) {
  const tip = points[points.length - 1], before = points[points.length - 2];
  const length = Math.hypot(tip.x - before.x, tip.y - before.y) || 1;
  const ux = (tip.x - before.x) / length, uy = (tip.y - before.y) / length;
  const back = { x: tip.x - ux * 8, y: tip.y - uy * 8 };
  const path = `M${at(tip)}L${at({ x: back.x - uy * 4, y: back.y + ux * 4 })}L${at({ x: back.x + uy * 4, y: back.y - ux * 4 })}Z`;
  return { path, end: { x: tip.x - ux * 6, y: tip.y - uy * 6 } };
}

// The scene: which boxes and lines there are, from the graph and the children that are opened. No drawing here.
const KINDS = {
  step: "step", handler: "error handler", event: "event", start: "start event", stop: "stop event",
  ask: "asks outside", answer: "answer from outside", failure: "failure event", external: "outside", resource: "resource",
  resource_config: "configuration", child: "child workflow", unknown: "unknown child",
};
const OVERLAY_ABOVE = 6; // a handler that covers more steps than this shows its lines only when it is chosen

function lookOf(node) {
  if (node.node_type === "step") return node.handles ? "handler" : "step";
  if (node.node_type === "event") return node.role === "plain" ? "event" : node.role;
  return KINDS[node.node_type] ? node.node_type : "unknown";
}

function shortened(text, limit) {
  return limit && text.length > limit ? text.slice(0, limit - 1) + "…" : text;
}

function seconds(value) {
  if (value >= 60) return `${Math.floor(value / 60)} min ${Math.round(value % 60)} s`;
  if (!value) return "0 s";
  if (value >= 1) return `${+value.toFixed(value < 10 ? 2 : 1)} s`;
  return value >= 0.001 ? `${+(value * 1000).toFixed(value < 0.01 ? 1 : 0)} ms` : `${Math.round(value * 1e6)} µs`;
}

function marksOf(node, graph) {
  if (node.node_type === "step") {
    const marks = [];
    if (node.retry_policy) marks.push("↻ retry");
    if (node.timeout !== null) marks.push(`≤ ${seconds(node.timeout)}`);
    const fed = graph.edges.some((edge) => edge.target === node.id && edge.source !== node.id && graph.fans.has(edge.source));
    if (!node.handles && (node.num_workers !== 4 || fed)) marks.push(`×${node.num_workers} worker${node.num_workers === 1 ? "" : "s"}`);
    if (!node.is_async) marks.push("thread");
    if (graph.handled.has(node.id)) marks.push("handled");
    if (node.handles) marks.push(`recovers ${node.handles.max_recoveries}×`);
    return marks;
  }
  if (node.node_type === "child") return [`${graph.all[node.workflow].nodes.filter((n) => n.node_type === "step").length} steps`];
  return [];
}

function prepare(graph, all) {
  const fans = new Set(graph.edges.filter((edge) => edge.kind === "fan_out").map((edge) => edge.target));
  const handled = new Set(graph.edges.filter((edge) => edge.kind === "error").map((edge) => edge.source));
  const troubled = new Map();
  for (const problem of graph.problems) for (const id of problem.nodes) troubled.set(id, [...(troubled.get(id) || []), problem.text]);
  return { ...graph, fans, handled, troubled, all };
}

function edgeText(edge) {
  const named = edge.label || "";
  if (edge.kind === "fan_out") return "list: one each";
  if (edge.kind === "join") return { all: "all", first: `first ${edge.count}`, each: named }[edge.cardinality] || named;
  if (edge.kind === "error") return "on failure";
  if (edge.kind === "send") return "sends";
  if (edge.kind === "wait") return "waits for";
  if (edge.kind === "child") return "runs";
  if (edge.kind === "unresolved") return "runs";
  return edge.kind === "event" || edge.kind === "resource" ? named : "";
}

function buildScene(data, opened, limit) {
  const all = data.graph.children;
  const scene = { boxes: new Map(), lines: [] };
  const entries = new Map();
  const add = (graph, prefix, parent) => {
    const crowd = new Map();
    for (const edge of graph.edges) if (edge.kind === "error") crowd.set(edge.target, (crowd.get(edge.target) || 0) + 1);
    for (const node of graph.nodes) {
      const id = prefix + node.id;
      const box = {
        id, node, parent, graph, look: lookOf(node), open: false, name: shortened(node.label, limit), marks: marksOf(node, graph),
        trouble: graph.troubled.get(node.id) || [],
      };
      scene.boxes.set(id, box);
      if (node.node_type === "child" && opened.has(id)) {
        box.open = true;
        const below = prepare(all[node.workflow], all);
        entries.set(id, below.nodes.filter((n) => n.role === "start").map((n) => `${id}/${n.id}`));
        add(below, `${id}/`, id);
      }
    }
    for (const edge of graph.edges) {
      const source = prefix + edge.source;
      const ends = entries.get(prefix + edge.target) || [prefix + edge.target];
      ends.forEach((target, number) => {
        const overlay = edge.kind === "error" && crowd.get(edge.target) > OVERLAY_ABOVE;
        const id = prefix + edge.id + (number ? `~${number}` : "");
        scene.lines.push({ id, edge, source, target, text: edgeText(edge), overlay, loop: false });
      });
    }
  };
  add(prepare(data.graph, all), "", null);
  markLoops(scene);
  return scene;
}

// A line is a loop when it leads back to a box on the way that led to it, walking from the starts in order.
function markLoops(scene) {
  const out = new Map([...scene.boxes.keys()].map((id) => [id, []]));
  for (const line of scene.lines) if (!line.overlay) out.get(line.source).push(line);
  const into = new Set(scene.lines.map((line) => line.target));
  const boxes = [...scene.boxes.values()];
  const roots = [...boxes.filter((box) => box.look === "start"), ...boxes.filter((box) => !into.has(box.id)), ...boxes];
  const state = new Map();
  for (const root of roots) {
    if (state.has(root.id)) continue;
    const way = [{ id: root.id, next: 0 }];
    state.set(root.id, "open");
    while (way.length) {
      const top = way[way.length - 1];
      const line = out.get(top.id)[top.next++];
      if (!line) { state.set(top.id, "done"); way.pop(); continue; }
      if (state.get(line.target) === "open") line.loop = true;
      else if (!state.has(line.target)) { state.set(line.target, "open"); way.push({ id: line.target, next: 0 }); }
    }
  }
}

// Everything on a way through a box: what leads to it, and what it leads to.
function waysThrough(scene, id) {
  const boxes = new Set([id]);
  const lines = new Set();
  for (const [from, to] of [["source", "target"], ["target", "source"]]) {
    const seen = new Set([id]);
    const work = [id];
    while (work.length) {
      const current = work.pop();
      for (const line of scene.lines) {
        if (line[from] !== current || (line.overlay && current !== id)) continue;
        lines.add(line.id);
        boxes.add(line[to]);
        if (!seen.has(line[to])) { seen.add(line[to]); work.push(line[to]); }
      }
    }
  }
  for (const box of [...boxes]) for (let up = scene.boxes.get(box).parent; up; up = scene.boxes.get(up).parent) boxes.add(up);
  return { boxes, lines };
}

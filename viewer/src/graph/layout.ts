/** Positions of everything that is seen. */
import type { ElkExtendedEdge, ElkNode } from 'elkjs/lib/elk-api';
import type { Model } from '../model';
import { layered } from './elk';
import { edgeLabel, nodeSize, textWidth, FONT } from './measure';
import { quick } from './quick';
import type { Item, Link, Visible } from './visible';

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Route {
  link: Link;
  path: string;
  label: (Box & { text: string }) | null;
  box: Box;
}

export interface Layout {
  items: { item: Item; box: Box }[];
  routes: Route[];
  frames: { group: number; box: Box }[];
  width: number;
  height: number;
  /** Why it is not ELK's layout; empty if it is. */
  note: string;
}

/** Above so many nodes the plain layout is taken: ELK's would take longer than anybody waits. */
const MOST_FOR_ELK = 900;

export async function layout(model: Model, seen: Visible, direction: 'RIGHT' | 'DOWN'): Promise<Layout> {
  if (seen.items.length > MOST_FOR_ELK)
    return { ...quick(model, seen, direction), note: `plain layout: over ${MOST_FOR_ELK} nodes` };
  try {
    return fromElk(model, seen, await layered(toElk(model, seen, direction)));
  } catch (error) {
    return { ...quick(model, seen, direction), note: `plain layout: ELK failed (${String(error).slice(0, 80)})` };
  }
}

function options(direction: string, count: number, nested: boolean): Record<string, string> {
  const close = count > 120;
  return {
    'elk.algorithm': 'layered',
    'elk.direction': direction,
    'elk.hierarchyHandling': 'INCLUDE_CHILDREN',
    'elk.edgeRouting': 'ORTHOGONAL',
    'elk.layered.spacing.nodeNodeBetweenLayers': direction === 'RIGHT' ? '44' : '34',
    'elk.layered.spacing.edgeNodeBetweenLayers': '20',
    'elk.spacing.nodeNode': close ? '22' : '32',
    'elk.spacing.edgeNode': '16',
    'elk.spacing.edgeEdge': '12',
    'elk.spacing.edgeLabel': '4',
    // The order in which operands are written, kept where ELK can: with nested frames this option makes it fail.
    ...(nested ? {} : { 'elk.layered.considerModelOrder.strategy': 'NODES_AND_EDGES' }),
    'elk.layered.nodePlacement.strategy': 'BRANDES_KOEPF',
    'elk.layered.nodePlacement.bk.fixedAlignment': 'BALANCED',
    'elk.edgeLabels.inline': 'false',
    'elk.layered.thoroughness': count > 200 ? '2' : '7',
  };
}

function toElk(model: Model, seen: Visible, direction: string): ElkNode {
  const settings = options(direction, seen.items.length, seen.frames.length > 0);
  const root: ElkNode = { id: 'root', layoutOptions: settings, children: [], edges: [] };
  const groups = model.doc.graph.groups;
  const frames = new Map<number, ElkNode>([[-1, root]]);
  for (const number of seen.frames) {
    const label = groups[number].label;
    const frame: ElkNode = {
      id: `f${number}`,
      children: [],
      layoutOptions: {
        ...settings,
        'elk.padding': '[top=38,left=16,bottom=16,right=16]',
        'elk.nodeSize.constraints': 'MINIMUM_SIZE',
        'elk.nodeSize.minimum': `(${Math.ceil(textWidth(label, FONT.line)) + 60},60)`,
      },
    };
    frames.set(number, frame);
    frames.get(groups[number].parent)!.children!.push(frame);
  }
  for (const item of seen.items) {
    const size = nodeSize(model, item);
    const inputs = item.node?.role;
    const made: ElkNode = { id: item.id, ...size };
    if (inputs === 'loss' || inputs === 'output')
      made.layoutOptions = { 'elk.layered.layering.layerConstraint': 'LAST' };
    frames.get(item.parent)!.children!.push(made);
  }
  root.edges = seen.links.map((link): ElkExtendedEdge => {
    const label = edgeLabel(model, link);
    return {
      id: link.id,
      sources: [link.from],
      targets: [link.to],
      labels: label
        ? [{ id: `${link.id}/label`, text: label.text || 'x', // one without a text is not placed
             width: label.width, height: label.height,
             layoutOptions: { 'elk.edgeLabels.placement': 'CENTER' } }]
        : [],
    };
  });
  return root;
}

function fromElk(model: Model, seen: Visible, root: ElkNode): Layout {
  const items = new Map(seen.items.map((item) => [item.id, item]));
  const links = new Map(seen.links.map((link) => [link.id, link]));
  const made: Layout = {
    items: [], routes: [], frames: [], width: root.width ?? 0, height: root.height ?? 0, note: '',
  };
  const origin = new Map<string, [number, number]>([['root', [0, 0]]]);
  const visit = (node: ElkNode, dx: number, dy: number): void => {
    for (const child of node.children ?? []) {
      const box = { x: (child.x ?? 0) + dx, y: (child.y ?? 0) + dy, width: child.width ?? 0, height: child.height ?? 0 };
      origin.set(child.id, [box.x, box.y]);
      const item = items.get(child.id);
      if (item) made.items.push({ item, box });
      else made.frames.push({ group: Number(child.id.slice(1)), box });
      visit(child, box.x, box.y);
    }
  };
  visit(root, 0, 0);
  for (const edge of root.edges ?? []) {
    const link = links.get(edge.id)!;
    const section = edge.sections?.[0];
    if (!section) continue;
    // With children included, an edge's coordinates are those of the innermost frame around both of its ends.
    const container = (edge as { container?: string }).container ?? 'root';
    const [dx, dy] = origin.get(container) ?? [0, 0];
    const points = [section.startPoint, ...(section.bendPoints ?? []), section.endPoint].map(
      (p): [number, number] => [p.x + dx, p.y + dy],
    );
    const at = edge.labels?.[0];
    const text = edgeLabel(model, link)?.text ?? '';
    const label =
      at && at.x !== undefined && at.y !== undefined
        ? { x: at.x + dx, y: at.y + dy, width: at.width ?? 0, height: at.height ?? 0, text }
        : null;
    made.routes.push({ link, path: rounded(points), label, box: around(points) });
  }
  return made;
}

export function around(points: [number, number][]): Box {
  const xs = points.map((p) => p[0]);
  const ys = points.map((p) => p[1]);
  const x = Math.min(...xs);
  const y = Math.min(...ys);
  return { x, y, width: Math.max(...xs) - x, height: Math.max(...ys) - y };
}

/** A path along points with round corners. */
export function rounded(points: [number, number][], radius = 9): string {
  const at = (p: [number, number]): string => `${round(p[0])} ${round(p[1])}`;
  let path = `M${at(points[0])}`;
  for (let k = 1; k < points.length - 1; k++) {
    const [before, here, after] = [points[k - 1], points[k], points[k + 1]];
    path += `L${at(towards(here, before, radius))}Q${at(here)} ${at(towards(here, after, radius))}`;
  }
  return `${path}L${at(points[points.length - 1])}`;
}

function towards(from: [number, number], to: [number, number], radius: number): [number, number] {
  const length = Math.hypot(to[0] - from[0], to[1] - from[1]);
  if (length === 0) return from;
  const part = Math.min(radius, length / 2) / length;
  return [from[0] + (to[0] - from[0]) * part, from[1] + (to[1] - from[1]) * part];
}

function round(x: number): number {
  return Math.round(x * 10) / 10;
}

/** Which nodes and edges are seen when some groups are collapsed. */
import type { Group } from '../document';
import type { Edge, Model, Node } from '../model';

export interface Item {
  id: string;
  /** The node itself, or null for a collapsed group. */
  node: Node | null;
  /** The collapsed group's number, or -1. */
  group: number;
  /** The expanded group around it, or -1. */
  parent: number;
}

export interface Link {
  id: string;
  from: string;
  to: string;
  edges: Edge[];
}

export interface Visible {
  items: Item[];
  links: Link[];
  /** Expanded groups that hold something, the outermost first. */
  frames: number[];
  /** Id of a node -> id of the item that shows it. */
  shownAs: Map<string, string>;
}

export function visible(model: Model, expanded: ReadonlySet<number>): Visible {
  const groups = model.doc.graph.groups;
  const items: Item[] = [];
  const shownAs = new Map<string, string>();
  const frames = new Set<number>();
  const seen = new Set<number>();
  for (const node of model.nodes) {
    const closed = outermostClosed(node, expanded);
    if (closed < 0) {
      const parent = node.groups[0] ?? -1;
      items.push({ id: node.id, node, group: -1, parent });
      shownAs.set(node.id, node.id);
      enclosing(groups, parent).forEach((g) => frames.add(g));
      continue;
    }
    shownAs.set(node.id, `g${closed}`);
    if (seen.has(closed)) continue;
    seen.add(closed);
    items.push({ id: `g${closed}`, node: null, group: closed, parent: groups[closed].parent });
    enclosing(groups, groups[closed].parent).forEach((g) => frames.add(g));
  }
  const links = new Map<string, Link>();
  for (const edge of model.edges) {
    const from = shownAs.get(edge.from)!;
    const to = shownAs.get(edge.to)!;
    if (from === to) continue;
    const grouped = from.startsWith('g') || to.startsWith('g');
    const id = grouped ? `${from}>${to}` : `${from}>${to}:${edge.position}:${edge.value}`;
    const known = links.get(id);
    if (known) known.edges.push(edge);
    else links.set(id, { id, from, to, edges: [edge] });
  }
  return { items, links: [...links.values()], frames: [...frames].sort((a, b) => a - b), shownAs };
}

/** The outermost group around a node that is collapsed; -1 where the node itself is seen. */
function outermostClosed(node: Node, expanded: ReadonlySet<number>): number {
  for (let k = node.groups.length - 1; k >= 0; k--) if (!expanded.has(node.groups[k])) return node.groups[k];
  return -1;
}

function enclosing(groups: Group[], number: number): number[] {
  const found: number[] = [];
  for (let g = number; g >= 0; g = groups[g].parent) found.unshift(g);
  return found;
}

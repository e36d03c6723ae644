/** How large nodes and labels are, before anything is drawn. */
import type { Group } from '../document';
import type { Model, Node } from '../model';
import { brief, shapeText } from '../text/numbers';
import { recordOf, sentRecord } from '../state';
import { fixedLines, gradientLine } from './summary';
import type { Item, Link } from './visible';

export const FONT = { op: '600 17px', line: '13px', small: '12px' };
export const FAMILY = 'ui-sans-serif, system-ui, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif';

const context = document.createElement('canvas').getContext('2d');
const known = new Map<string, number>();

export function textWidth(text: string, font: string): number {
  const key = `${font}|${text}`;
  let width = known.get(key);
  if (width === undefined) {
    if (!context) return text.length * 8;
    context.font = `${font} ${FAMILY}`;
    width = context.measureText(text).width;
    if (known.size > 20_000) known.clear();
    known.set(key, width);
  }
  return width;
}

export interface Size {
  width: number;
  height: number;
}

export interface Lines {
  title: string;
  name: string;
  value: string;
  back: string;
}

/** The texts that a node can show in the end. */
function finalLines(model: Model, node: Node): Lines {
  const value = node.values[0];
  const [name, shape] = model.doc.graph.values[value];
  return {
    title: node.title,
    name: node.equation >= 0 ? name : '',
    value: brief(recordOf('primal', value), shape),
    back: longest(brief(recordOf('adjoint', value), shape), brief(recordOf('tangent', value), shape)),
  };
}

function longest(a: string, b: string): string {
  return a.length > b.length ? a : b;
}

export const LINE = 19;

export function nodeSize(model: Model, item: Item): Size {
  if (!item.node) return groupSize(model, model.doc.graph.groups[item.group]);
  const lines = finalLines(model, item.node);
  const title = textWidth(lines.title, FONT.op);
  const value = textWidth(`${lines.name ? `${lines.name} = ` : ''}${lines.value}`, FONT.line);
  const back = textWidth(`∂ ${lines.back}`, FONT.line);
  const width = Math.max(64, title, value, back) + 26;
  return { width: Math.min(300, Math.ceil(width)), height: 30 + 2 * LINE + 6 };
}

function groupSize(model: Model, group: Group): Size {
  const gradients = (['reverse', 'forward'] as const).map((mode) => gradientLine(model, group, mode)).filter(Boolean);
  const fixed = fixedLines(model, group);
  const widths = [...fixed, ...gradients].map((line) => textWidth(line, FONT.line));
  const width = Math.max(textWidth(group.label, FONT.op) + 30, ...widths) + 28;
  return { width: Math.ceil(width), height: 35 + LINE * (fixed.length + (gradients.length ? 1 : 0)) };
}

/** The label of an edge: the shape of what flows along it, and room for what flows back. */
export function edgeLabel(model: Model, link: Link): { text: string; width: number; height: number } | null {
  const edge = link.edges[0];
  if (link.edges.length > 1 && new Set(link.edges.map((e) => e.value)).size > 1) {
    const text = `${new Set(link.edges.map((e) => e.value)).size} values`;
    return { text, width: textWidth(text, FONT.small) + 8, height: 16 };
  }
  const shape = model.doc.graph.values[edge.value][1];
  const text = shape.length ? shapeText(shape) : '';
  let back = '';
  const target = model.byId.get(edge.to);
  if (target && target.equation >= 0 && link.edges.length === 1) {
    const sent = model.doc.sweeps.sends[target.equation]?.find((s) => s[0] === edge.position);
    if (sent) back = brief(sentRecord(target.equation, edge.position, sent[3]), shape, 3);
  }
  if (!text && !back) return null;
  const width = Math.max(textWidth(text, FONT.small), back ? textWidth(`← ${back}`, FONT.small) : 0) + 8;
  return { text, width: Math.ceil(width), height: (text ? 16 : 0) + (back ? 16 : 0) };
}

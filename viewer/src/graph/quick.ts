/** A plain layered layout that takes milliseconds for ten thousand nodes: longest paths, then barycentres. */
import type { Model } from '../model';
import type { Box, Layout, Route } from './layout';
import { edgeLabel, nodeSize } from './measure';
import type { Item, Visible } from './visible';

const GAP = { layer: 70, node: 24 };
const SWEEPS = 6;

/** Of more nodes than this texts are not measured one by one. */
const MOST_MEASURED = 900;
const USUAL = { width: 150, height: 74 };

export function quick(model: Model, seen: Visible, direction: 'RIGHT' | 'DOWN'): Layout {
  const right = direction === 'RIGHT';
  const place = new Map(seen.items.map((item, k) => [item.id, k]));
  const before: number[][] = seen.items.map(() => []);
  const after: number[][] = seen.items.map(() => []);
  for (const link of seen.links) {
    before[place.get(link.to)!].push(place.get(link.from)!);
    after[place.get(link.from)!].push(place.get(link.to)!);
  }
  const layer = layers(seen.items, before, after);
  const rows: number[][] = [];
  layer.forEach((l, k) => (rows[l] ??= []).push(k));
  const order = new Array<number>(seen.items.length).fill(0);
  rows.forEach((row) => row.forEach((k, position) => (order[k] = position)));
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const down = sweep % 2 === 0;
    for (let l = down ? 1 : rows.length - 2; l >= 0 && l < rows.length; l += down ? 1 : -1) {
      const near = down ? before : after;
      const centre = new Map(rows[l].map((k) => [k, mean(near[k].map((n) => order[n]), order[k])]));
      rows[l].sort((a, b) => centre.get(a)! - centre.get(b)!);
      rows[l].forEach((k, position) => (order[k] = position));
    }
  }
  const many = seen.items.length > MOST_MEASURED;
  const sizes = seen.items.map((item) => (many ? USUAL : nodeSize(model, item)));
  const along = (k: number): number => (right ? sizes[k].width : sizes[k].height);
  const across = (k: number): number => (right ? sizes[k].height : sizes[k].width);
  const boxes: Box[] = new Array(seen.items.length);
  let at = 0;
  let widest = 0;
  const extents = rows.map((row) => row.reduce((sum, k) => sum + across(k) + GAP.node, -GAP.node));
  for (const extent of extents) widest = Math.max(widest, extent);
  rows.forEach((row, l) => {
    const thick = Math.max(...row.map(along));
    let position = (widest - extents[l]) / 2;
    for (const k of row) {
      const offset = at + (thick - along(k)) / 2;
      boxes[k] = right
        ? { x: offset, y: position, ...sizes[k] }
        : { x: position, y: offset, ...sizes[k] };
      position += across(k) + GAP.node;
    }
    at += thick + GAP.layer;
  });
  const routes = seen.links.map((link): Route => {
    const a = boxes[place.get(link.from)!];
    const b = boxes[place.get(link.to)!];
    const start = right ? [a.x + a.width, a.y + a.height / 2] : [a.x + a.width / 2, a.y + a.height];
    const end = right ? [b.x, b.y + b.height / 2] : [b.x + b.width / 2, b.y];
    const bend = right ? [(end[0] - start[0]) / 2, 0] : [0, (end[1] - start[1]) / 2];
    const path = `M${start[0]} ${start[1]}C${start[0] + bend[0]} ${start[1] + bend[1]} ${end[0] - bend[0]} ${end[1] - bend[1]} ${end[0]} ${end[1]}`;
    const made = many ? null : edgeLabel(model, link);
    const middle = [(start[0] + end[0]) / 2, (start[1] + end[1]) / 2];
    const label = made && { x: middle[0] - made.width / 2, y: middle[1] - 8, width: made.width, height: made.height, text: made.text };
    const x = Math.min(start[0], end[0]);
    const y = Math.min(start[1], end[1]);
    return { link, path, label, box: { x, y, width: Math.abs(end[0] - start[0]), height: Math.abs(end[1] - start[1]) } };
  });
  return {
    items: seen.items.map((item, k) => ({ item, box: boxes[k] })),
    routes,
    frames: [],
    width: right ? at - GAP.layer : widest,
    height: right ? widest : at - GAP.layer,
    note: '',
  };
}

/** Longest path from the inputs; an input stands right before its first reader. */
function layers(items: Item[], before: number[][], after: number[][]): number[] {
  const layer = new Array<number>(items.length).fill(0);
  const waiting = before.map((list) => list.length);
  const ready = items.map((_, k) => k).filter((k) => waiting[k] === 0);
  for (let n = 0; n < ready.length; n++)
    for (const k of after[ready[n]]) {
      layer[k] = Math.max(layer[k], layer[ready[n]] + 1);
      if (--waiting[k] === 0) ready.push(k);
    }
  items.forEach((_, k) => {
    if (before[k].length === 0 && after[k].length)
      layer[k] = Math.max(0, after[k].reduce((low, n) => Math.min(low, layer[n]), Infinity) - 1);
  });
  return layer;
}

function mean(values: number[], otherwise: number): number {
  return values.length ? values.reduce((a, b) => a + b, 0) / values.length : otherwise;
}

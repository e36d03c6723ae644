/** The linear program and its transpose drawn side by side: one picture with its arrows turned around. */
import type { Pair } from '../document';
import { symbolOf } from '../model';
import { nameTex } from '../text/tex';
import { Tex } from '../text/Tex';

const MOST = 60;
const NODE = { width: 62, height: 28 };
const GAP = { x: 16, y: 34 };

interface Placed {
  name: string;
  pair: number;
  x: number;
  y: number;
}

interface Drawn {
  nodes: Placed[];
  edges: [from: number, to: number][];
  width: number;
  height: number;
}

const NAME = /[\p{L}_][\p{L}\p{N}_.]*(?:\[[^\]]*\])*_dot/gu;

/** Place the equations of the linear program in layers. */
function place(pairs: Pair[]): Drawn {
  const maker = new Map<string, number>();
  const nodes: Placed[] = [];
  const edges: [number, number][] = [];
  const level: number[] = [];
  const add = (name: string, pair: number, at: number): number => {
    nodes.push({ name, pair, x: 0, y: 0 });
    level.push(at);
    return nodes.length - 1;
  };
  pairs.forEach((pair, k) => {
    const cut = pair.linear.indexOf(' = ');
    const out = pair.linear.slice(0, cut);
    const operands = [...new Set(pair.linear.slice(cut + 3).match(NAME) ?? [])];
    const from = operands.map((name) => {
      if (!maker.has(name)) maker.set(name, add(name, -1, 0));
      return maker.get(name)!;
    });
    const own = add(out, k, 1 + Math.max(-1, ...from.map((f) => level[f])));
    from.forEach((f) => edges.push([f, own]));
    out.split(', ').forEach((name) => maker.set(name, own));
  });
  const rows: number[][] = [];
  level.forEach((l, n) => (rows[l] ??= []).push(n));
  const position = new Array<number>(nodes.length).fill(0);
  const before: number[][] = nodes.map(() => []);
  edges.forEach(([a, b]) => before[b].push(a));
  const widest = Math.max(...rows.map((row) => row.length));
  rows.forEach((row, l) => {
    const centre = (n: number): number =>
      before[n].length ? before[n].reduce((sum, a) => sum + nodes[a].x, 0) / before[n].length : position[n];
    row.sort((a, b) => centre(a) - centre(b));
    const start = ((widest - row.length) * (NODE.width + GAP.x)) / 2;
    row.forEach((n, k) => {
      nodes[n].x = start + k * (NODE.width + GAP.x);
      nodes[n].y = l * (NODE.height + GAP.y);
    });
  });
  return {
    nodes, edges,
    width: widest * (NODE.width + GAP.x) - GAP.x,
    height: rows.length * (NODE.height + GAP.y) - GAP.y,
  };
}

export function DualGraphs({ pairs, at, back, onPick }: {
  pairs: Pair[]; at: number; back: boolean; onPick: (k: number) => void;
}) {
  if (pairs.length > MOST) return <p class="quiet">Drawn for up to {MOST} pairs; the table below has all of them.</p>;
  const drawn = place(pairs);
  const side = (transposed: boolean) => {
    const kind = transposed ? 'a' : 't';
    const arrow = `url(#dual-${kind})`;
    return (
      <svg class={`dualgraph ${kind} ${transposed === back ? 'running' : ''}`} role="img"
        viewBox={`-4 -6 ${drawn.width + 8} ${drawn.height + 12}`} style={{ maxWidth: `${drawn.width * 1.5}px` }}
        aria-label={transposed ? 'The transposed program' : 'The linearised program'}>
        <defs>
          <marker id={`dual-${kind}`} viewBox="0 0 10 10" refX="9" refY="5" markerWidth="9" markerHeight="9" markerUnits="userSpaceOnUse" orient="auto">
            <path d="M0 1L9 5L0 9z" />
          </marker>
        </defs>
        {drawn.edges.map(([a, b], k) => {
          const [up, down] = [drawn.nodes[a], drawn.nodes[b]];
          const [x1, y1, x2, y2] = [up.x + NODE.width / 2, up.y + NODE.height, down.x + NODE.width / 2, down.y];
          const bend = (y2 - y1) / 2;
          const d = transposed
            ? `M${x2} ${y2}C${x2} ${y2 - bend} ${x1} ${y1 + bend} ${x1} ${y1}`
            : `M${x1} ${y1}C${x1} ${y1 + bend} ${x2} ${y2 - bend} ${x2} ${y2}`;
          return <path key={k} class={drawn.nodes[b].pair === at ? 'edge now' : 'edge'} d={d} marker-end={arrow} />;
        })}
        {drawn.nodes.map((node, k) => {
          const pair = pairs[node.pair];
          const text = pair ? symbolOf(transposed ? pair.dual : pair.primitive) : node.name.replace('_dot', '');
          return (
            <g key={k} class={`dualnode ${pair ? '' : 'end'} ${node.pair === at ? 'now' : ''}`} transform={`translate(${node.x} ${node.y})`}
              onClick={() => node.pair >= 0 && onPick(node.pair)}>
              <rect width={NODE.width} height={NODE.height} rx={pair ? 8 : 3} />
              <text x={NODE.width / 2} y={NODE.height / 2 + 5} text-anchor="middle">{clip(text)}</text>
            </g>
          );
        })}
      </svg>
    );
  };
  const pair = pairs[at];
  const out = pair.linear.slice(0, pair.linear.indexOf(' = '));
  return (
    <figure class="duals">
      <div>{side(false)}<figcaption><Tex text={nameTex(out)} /> by <code>{pair.primitive}</code></figcaption></div>
      <div>{side(true)}<figcaption>what comes in at <Tex text={nameTex(out.replace('_dot', '_bar'))} />, by <code>{pair.dual}</code></figcaption></div>
    </figure>
  );
}

function clip(text: string): string {
  return text.length > 9 ? `${text.slice(0, 8)}…` : text;
}

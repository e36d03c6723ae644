/** The graph's part of the window: layout when something is folded, pan and zoom, hover. */
import { effect, signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { Model } from '../model';
import {
  badges, direction, doc, expanded, focus, go, hovered, hulls, live, marked, mode, model, picked, step,
} from '../state';
import { brief, seconds, shapeText, short } from '../text/numbers';
import { recordOf } from '../state';
import { Drawing, svg } from './draw';
import { layout, type Layout } from './layout';
import { quick } from './quick';
import { kernelOf, largest, parametersOf, secondsOf } from './summary';
import { visible } from './visible';
import { Viewport } from './viewport';

export const drawing = signal<Drawing | null>(null);
export const viewport = signal<Viewport | null>(null);
export const busy = signal(false);

const PATIENCE = 350;
const MANY = 1000;
const MOST_IN_TIP = 4;

export function toggle(group: number): void {
  const next = new Set(expanded.value);
  if (!next.delete(group)) next.add(group);
  if (document.activeElement?.closest('.graph')) refocus = group;
  const box = drawing.peek()?.boxOfGroup(group);
  const view = viewport.peek();
  held = box && view ? { group, place: view.placeOf(box) } : null;
  expanded.value = next;
}

/** The group that was folded or unfolded from the keyboard: the focus stays with it in the new drawing. */
let refocus = -1;

/** The group that was folded or unfolded, and where it was: it stays there in the new drawing. */
let held: { group: number; place: [number, number] } | null = null;

function holdGroup(drawn: Drawing, view: Viewport): boolean {
  const box = held && drawn.boxOfGroup(held.group);
  if (held && box) view.hold(box, held.place);
  held = null;
  return Boolean(box);
}

function restoreFocus(): void {
  if (refocus < 0) return;
  const place = document.querySelector<SVGElement>(`#n-g${refocus}, .frame[data-group="${refocus}"] .fold`);
  refocus = -1;
  place?.focus();
}

/** Open the groups around a node, so that it is seen. */
export function reveal(id: string): void {
  const node = model.value?.byId.get(id);
  if (!node || node.groups.every((g) => expanded.value.has(g))) return;
  expanded.value = new Set([...expanded.value, ...node.groups]);
}

export function Graph() {
  const host = useRef<HTMLDivElement>(null);
  const tip = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = host.current!;
    const canvas = svg('svg', {
      class: 'graph', role: 'group', tabindex: 0,
      'aria-label': 'Computation graph. Up and down arrows go from node to node, plus and minus zoom.',
    });
    canvas.append(arrows());
    element.prepend(canvas);
    const view = new Viewport(canvas, (window, scale) => drawing.peek()?.cull(window, scale));
    viewport.value = view;
    listen(canvas, tip.current!);
    showFocused(canvas, view);
    let generation = 0;
    let last: unknown = null;
    let still = false;
    const stopLayout = effect(() => {
      const m = model.value;
      const open = expanded.value;
      const way = direction.value;
      if (!m) return;
      const mine = ++generation;
      busy.value = true;
      const seen = visible(m, open);
      const show = (made: Layout, final: boolean): void => {
        if (mine !== generation) return;
        const fresh = new Drawing(m, made, seen.shownAs, toggle);
        const fit = last !== m.doc.graph; // another run of the same body stays where it is
        if (final) last = m.doc.graph;
        view.show(fresh.root, made, fit);
        still = holdGroup(fresh, view);
        drawing.value = fresh;
        restoreFocus();
        busy.value = !final;
        performance.mark(final ? 'drawn' : 'shown');
      };
      // A page that has nothing to show yet shows the plain layout until the good one is there.
      const early = last === m.doc.graph ? undefined : setTimeout(() => show(quick(m, seen, way), false), m.nodes.length > MANY ? 0 : PATIENCE);
      void layout(m, seen, way).then((made) => {
        clearTimeout(early);
        show(made, true);
      });
    });
    let followed: { id: string | null; step: number; drawn: Drawing | null } = { id: null, step: -1, drawn: null };
    const stopDrawing = effect(() => {
      const drawn = drawing.value;
      live.value;
      if (!drawn) return;
      const now = { id: focus.value?.id ?? null, step: step.value, drawn };
      drawn.update({
        mode: mode.value, step: step.value, focus: focus.value?.id ?? null, badges: badges.value, marked: marked.value,
      });
      const moved = now.id !== followed.id || now.step !== followed.step;
      // Somebody who folds a group looks at that group, wherever the current step is.
      if (moved || (now.drawn !== followed.drawn && !still)) follow(drawn, view);
      followed = now;
    });
    const stopHulls = effect(() => {
      const compiled = doc.value?.compiled;
      const on = hulls.value && compiled;
      drawing.value?.hulls(
        on
          ? compiled.steps.flatMap((s, k) =>
              s.equations.length ? [{ label: `kernel ${k + 1}`, ids: s.equations.map((e) => `e${e}`) }] : [],
            )
          : [],
      );
    });
    return () => {
      stopLayout();
      stopDrawing();
      stopHulls();
      view.stop();
      canvas.remove();
    };
  }, []);
  return (
    <div class="stage" ref={host}>
      <div class="tip" ref={tip} role="tooltip" hidden />
      {(busy.value || drawing.value?.layout.note) && <div class="busy" role="status">{busy.value ? 'laying out …' : drawing.value?.layout.note}</div>}
    </div>
  );
}

/** Keep the node of the current step in the window. */
function follow(drawn: Drawing, view: Viewport): void {
  const id = focus.peek()?.id;
  if (!id) return;
  const box = drawn.boxOf(id);
  if (box) view.bringIn(box);
}

function arrows(): SVGDefsElement {
  const defs = svg('defs');
  const arrow = svg('marker', {
    id: 'arrow', viewBox: '0 0 10 10', refX: 9, refY: 5, markerWidth: 9, markerHeight: 9, orient: 'auto-start-reverse',
    markerUnits: 'userSpaceOnUse',
  });
  arrow.append(svg('path', { d: 'M0 1L9 5L0 9z' }));
  defs.append(arrow);
  return defs;
}

function listen(canvas: SVGSVGElement, tip: HTMLDivElement): void {
  const idOf = (event: Event): string | null =>
    (event.target as Element).closest?.('.node')?.getAttribute('data-id') ?? null;
  canvas.addEventListener('click', (event) => {
    const id = idOf(event);
    if (id && !id.startsWith('g')) picked.value = id;
  });
  canvas.addEventListener('dblclick', (event) => {
    const id = idOf(event);
    const m = model.peek();
    const node = id ? m?.byId.get(id) : undefined;
    if (node && m) go(m.stepOf(node, mode.peek(), step.peek() > m.equationNodes.length));
  });
  canvas.addEventListener('pointerover', (event) => {
    const id = idOf(event);
    hovered.value = id;
    const m = model.peek();
    tip.hidden = !id || !m;
    if (id && m) {
      tip.replaceChildren(...describe(m, id));
      const area = canvas.getBoundingClientRect();
      const box = (event.target as Element).closest('.node')!.getBoundingClientRect();
      const left = Math.min(box.left - area.left, area.width - 330);
      tip.style.left = `${Math.max(4, left)}px`;
      const below = box.bottom - area.top + 10;
      const above = below + tip.offsetHeight > area.height && box.top - area.top > area.height / 2;
      tip.style.top = above ? '' : `${below}px`;
      tip.style.bottom = above ? `${area.bottom - box.top + 10}px` : '';
    }
  });
  canvas.addEventListener('pointerleave', () => {
    hovered.value = null;
    tip.hidden = true;
  });
  canvas.addEventListener('keydown', (event) => {
    if (event.key !== 'ArrowUp' && event.key !== 'ArrowDown') return;
    const m = model.peek();
    if (!m) return;
    event.preventDefault();
    const at = m.nodes.findIndex((n) => n.id === focus.peek()?.id);
    const next = at < 0 ? 0 : Math.max(0, Math.min(m.nodes.length - 1, at + (event.key === 'ArrowDown' ? 1 : -1)));
    picked.value = m.nodes[next].id;
    reveal(m.nodes[next].id);
  });
}

/** What gets the keyboard's focus comes into the window. */
function showFocused(canvas: SVGSVGElement, view: Viewport): void {
  canvas.addEventListener('focusin', (event) => {
    if (event.target === canvas) return;
    const area = canvas.getBoundingClientRect();
    const box = (event.target as Element).getBoundingClientRect();
    view.bringInWindow({ x: box.left - area.left, y: box.top - area.top, width: box.width, height: box.height });
  });
}

function describe(m: Model, id: string): Node[] {
  const line = (text: string, kind = ''): HTMLElement => {
    const made = document.createElement('div');
    made.className = kind;
    made.textContent = text;
    return made;
  };
  const { graph, sources } = m.doc;
  if (id.startsWith('g')) {
    const group = graph.groups[Number(id.slice(1))];
    const first = graph.equations[group.first].at;
    const lines = [line(`${group.kind}: ${group.label}`, 'strong'), line(`equations ${group.first + 1} to ${group.last + 1}; click to open`)];
    const parameters = parametersOf(m, group);
    for (const { value, name, shape } of parameters.slice(0, MOST_IN_TIP)) {
      const adjoint = recordOf('adjoint', value);
      lines.push(line(`${name}: ${shapeText(shape)}${adjoint ? `, gradient ${brief(adjoint, shape)}` : ''}`));
    }
    if (parameters.length > MOST_IN_TIP) lines.push(line(`and ${parameters.length - MOST_IN_TIP} more parameters`));
    const took = secondsOf(m.doc, group);
    if (took !== null) lines.push(line(`${seconds(took)} of a call when compiled`));
    const top = largest(m, group, 'reverse');
    if (top) lines.push(line(`the largest gradient: ${short(top.size)}, of ${graph.values[top.value][0]}`));
    if (first) lines.push(line(`${sources[first[0]].file}:${first[1]}`, 'mono'));
    return lines;
  }
  const node = m.byId.get(id)!;
  const [name, shape, dtype] = graph.values[node.values[0]];
  if (node.equation < 0)
    return [line(`${node.title} — ${node.role}`, 'strong'), line(`${shapeText(shape)}, ${dtype}`), line(brief(recordOf('primal', node.values[0]), shape, 6))];
  const equation = graph.equations[node.equation];
  const made = [
    line(`${name} = ${equation.text}`, 'strong mono'),
    line(`${m.doc.primitives[equation.primitive].doc}; ${shapeText(shape)}, ${dtype}`),
  ];
  const kernel = kernelOf(m.doc, node.equation);
  if (kernel) made.push(line(kernel.text));
  if (equation.at) {
    const source = sources[equation.at[0]];
    made.push(line(`${source.file}:${equation.at[1]}  ${source.lines[equation.at[1] - source.first]?.trim() ?? ''}`, 'mono'));
  }
  return made;
}

/** What the page is showing: the document, the step, the focus. Everything else follows from these signals. */
import { batch, computed, signal } from '@preact/signals';
import type { DataRecord, Doc, Inside, Tour } from './document';
import { Model, type Mode, type Node, type Step } from './model';
import type { LiveResult } from './live/run';

export const own = signal<Doc | null>(null);
export const tours = signal<Tour[]>([]);
export const doc = signal<Doc | null>(null);
export const model = computed(() => (doc.value ? new Model(doc.value) : null));

export const mode = signal<Mode>('reverse');
export const step = signal(0);
export const playing = signal(false);
export const speed = signal(1);
/** A node that was clicked; null where the focus goes with the step. */
export const picked = signal<string | null>(null);
export const hovered = signal<string | null>(null);
export const expanded = signal<ReadonlySet<number>>(new Set());
export const panel = signal('step');
export const direction = signal<'RIGHT' | 'DOWN'>('RIGHT');
export const live = signal<LiveResult | null>(null);
export const badges = signal(true);
export const hulls = signal(false);
export const marked = signal<ReadonlySet<string>>(new Set());
export const tour = signal<{ id: string; stop: number } | null>(null);
export const announcement = signal('');
export const theme = signal<'auto' | 'light' | 'dark'>('auto');

export const steps = computed<Step[]>(() => model.value?.steps[mode.value] ?? []);
export const current = computed<Step | null>(() => steps.value[step.value] ?? null);

/** The node that the step card, the source and the graph put in the foreground. */
export const focus = computed<Node | null>(() => {
  const m = model.value;
  if (!m) return null;
  if (picked.value !== null) return m.byId.get(picked.value) ?? null;
  return current.value?.node ?? null;
});

export function go(to: number): void {
  picked.value = null;
  step.value = Math.max(0, Math.min(steps.value.length - 1, to));
}

export function setMode(to: Mode): void {
  const n = model.value?.equationNodes.length ?? 0;
  playing.value = false;
  mode.value = to;
  if (to === 'forward') go(Math.min(step.value, n + 1));
}

/** Where one has gone in, from the outermost program on. */
export interface Level {
  /** The program that holds the equation, and how it was being looked at. */
  doc: Doc;
  step: number;
  mode: Mode;
  expanded: ReadonlySet<number>;
  equation: number;
  /** Which of the runs shown is looked at. */
  run: number;
}

export const trail = signal<Level[]>([]);

/** The whole program, however far inside of it one is. */
export const whole = computed(() => trail.value[0]?.doc ?? doc.value);

/** What can be looked at inside of an equation. */
export function insideOf(equation: number, of: Doc | null = doc.value): Inside | undefined {
  const found = of?.inside?.[String(equation)];
  return found?.why === undefined ? found : undefined;
}

/** Why an equation that holds a graph cannot be looked into; empty if it can, or holds none. */
export function closed(equation: number): string {
  return doc.value?.inside?.[String(equation)]?.why ?? '';
}

/** The document of one run of an inner graph. */
function inner(outer: Doc, inside: Inside, run: number): Doc {
  const { graph } = outer.bodies[inside.body];
  return {
    ...outer, ...inside.runs[run], title: inside.title, graph, reports: {}, jacobian: null, training: null, program: null,
    compiled: null, omitted: [],
  };
}

/** Look inside of an equation: at the last run if the backward pass is on, else at the first. */
export function enter(equation: number): void {
  const inside = insideOf(equation);
  if (!inside || !doc.value) return;
  const outer = doc.value;
  const backward = mode.value === 'reverse' && step.value > outer.graph.equations.length;
  const run = backward ? inside.runs.length - 1 : 0;
  const way = mode.value;
  const levels = [...trail.value, { doc: outer, step: step.value, mode: way, expanded: expanded.value, equation, run }];
  const body = inner(outer, inside, run);
  batch(() => {
    show(body);
    trail.value = levels;
    mode.value = way;
    step.value = backward ? body.graph.equations.length + 1 : 0;
  });
}

/** Look at another run of one of the bodies around, and in it at what is looked at now, if it goes there too. */
export function chooseRun(depth: number, to: number): void {
  const levels = trail.value.slice(0, depth);
  let at: Doc | undefined = trail.value[depth]?.doc;
  if (!at) return;
  for (let k = depth; k < trail.value.length; k++) {
    const level = trail.value[k];
    const inside = insideOf(level.equation, at);
    if (!inside) break;
    const run = Math.max(0, Math.min(inside.runs.length - 1, k === depth ? to : level.run));
    levels.push({ ...level, doc: at, run });
    at = inner(at, inside, run);
  }
  const left: Level | undefined = trail.value[levels.length];
  batch(() => {
    if (left || at!.graph !== doc.value?.graph) show(at!);
    else doc.value = at!;
    if (left) resume(left);
    trail.value = levels;
  });
}

/** Go out, by one level or to the one given. */
export function leave(depth = trail.value.length - 1): void {
  const level = trail.value[depth];
  if (!level) return;
  batch(() => {
    show(level.doc);
    resume(level);
    trail.value = trail.value.slice(0, depth);
  });
}

function resume(level: Level): void {
  mode.value = level.mode;
  step.value = level.step;
  expanded.value = level.expanded;
}

/** Begin anew with a document of the user's, or with the tours only. */
export function begin(given: Doc | null): void {
  batch(() => {
    own.value = given;
    tour.value = null;
    badges.value = true;
    hulls.value = false;
    speed.value = 1;
    theme.value = 'auto';
    hovered.value = null;
    const first = given ?? tours.value[0]?.document;
    if (first) open(first);
    if (!given) panel.value = 'tours';
  });
}

/** Show a document from its beginning. */
export function open(what: Doc): void {
  trail.value = [];
  show(what);
}

function show(what: Doc): void {
  playing.value = false;
  live.value = null;
  picked.value = null;
  marked.value = new Set();
  mode.value = 'reverse';
  step.value = 0;
  doc.value = what;
  expanded.value = firstExpanded(what);
  direction.value = model.value && depth(model.value) > MOST_ACROSS ? 'DOWN' : 'RIGHT';
  panel.value = 'step';
}

/** Graphs with longer paths than this are drawn from top to bottom. */
const MOST_ACROSS = 6;

function depth(m: Model): number {
  const level = new Map<string, number>();
  for (const edge of m.edges) level.set(edge.to, Math.max(level.get(edge.to) ?? 0, (level.get(edge.from) ?? 0) + 1));
  return [...level.values()].reduce((a, b) => Math.max(a, b), 0);
}

const MOST_AT_FIRST = 60;

/** Open groups from the outside in, as long as the graph does not become crowded. */
function firstExpanded(what: Doc): Set<number> {
  const { groups, equations } = what.graph;
  if (equations.length <= MOST_AT_FIRST) return new Set(groups.keys());
  const children: number[][] = groups.map(() => []);
  const top: number[] = [];
  groups.forEach((group, k) => (group.parent < 0 ? top : children[group.parent]).push(k));
  const length = (k: number): number => groups[k].last - groups[k].first + 1;
  // A collapsed group counts as one node; opened, it shows its equations and sub-groups.
  const members = (k: number): number =>
    length(k) - children[k].reduce((sum, inner) => sum + length(inner) - 1, 0);
  let shown = equations.length - top.reduce((sum, k) => sum + length(k) - 1, 0);
  const open = new Set<number>();
  let level = top;
  while (level.length) {
    const next: number[] = [];
    for (const k of level) {
      if (shown + members(k) - 1 > MOST_AT_FIRST) continue;
      shown += members(k) - 1;
      open.add(k);
      next.push(...children[k]);
    }
    level = next;
  }
  return open;
}

// -- values, as given by Python or as recomputed in the page -----------------------------------------------------------

type Kind = 'primal' | 'tangent' | 'adjoint';

export function recordOf(kind: Kind, value: number): DataRecord | null {
  const changed = live.value;
  if (changed) return changed[kind].get(value) ?? null;
  const d = doc.value;
  if (!d) return null;
  const number = d.sweeps[kind][value];
  return number === null || number === undefined ? null : d.sweeps.records[number];
}

/** What an equation (or, with -1, the seed) hands to one operand. */
export function sentRecord(equation: number, position: number, number: number | null): DataRecord | null {
  const changed = live.value;
  if (changed) return changed.sent.get(`${equation}:${position}`) ?? null;
  return number === null ? null : (doc.value?.sweeps.records[number] ?? null);
}

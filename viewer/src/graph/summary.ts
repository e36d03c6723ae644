/** What a collapsed group says of what is in it: equations, parameters, time, the largest gradient. */
import type { DataRecord, Doc, Group } from '../document';
import type { Model, Mode } from '../model';
import { live } from '../state';
import { bytes, entries, grouped, num, seconds, shapeText, short } from '../text/numbers';

export interface Parameter {
  value: number;
  name: string;
  shape: number[];
}

const MOST_NAMED = 2;
const LONGEST = 30;

/** Parameters that the equations of a group read, in the order of reading. */
export function parametersOf(model: Model, group: Group): Parameter[] {
  const { graph } = model.doc;
  const learnt = new Set(graph.inputs.filter((i) => i.role === 'parameter').map((i) => i.value));
  const found = new Set<number>();
  for (let k = group.first; learnt.size > found.size && k <= group.last; k++)
    for (const i of graph.equations[k].inputs) if (learnt.has(i)) found.add(i);
  return [...found].map((value) => ({ value, name: graph.values[value][0], shape: graph.values[value][1] }));
}

/** The kernel that an equation belongs to, with its number; undefined where nothing is compiled. */
export function kernelOf(doc: Doc, equation: number): { number: number; text: string } | undefined {
  const steps = doc.compiled?.steps ?? [];
  const number = steps.findIndex((s) => s.equations.includes(equation));
  if (number < 0) return undefined;
  const step = steps[number];
  const others = step.equations.length - 1;
  const shared = others ? `, with ${others} other equation${others === 1 ? '' : 's'}` : '';
  const name = step.kind === 'python' ? 'interpreted' : `kernel ${number + 1}`;
  return { number, text: `${name}: ${seconds(step.seconds)}, ${bytes(step.bytes)}${shared}` };
}

/** Seconds of a call that go to a group: its share of what the kernels take; one that also computes others counts in part. */
export function secondsOf(doc: Doc, group: Group): number | null {
  const { compiled } = doc;
  if (!compiled) return null;
  let own = 0;
  let all = 0;
  for (const { seconds, equations } of compiled.steps) {
    const took = seconds ?? 0;
    const inside = equations.filter((k) => k >= group.first && k <= group.last).length;
    if (inside) own += (took * inside) / equations.length;
    all += took;
  }
  return all ? (compiled.seconds * own) / all : null;
}

type Largest = { size: number; value: number } | null;

/** What has been found for the values of the moment; a step asks again and again. */
let memo: { model: Model; live: unknown; known: Map<string, Largest> } | null = null;

/** The largest magnitude of the adjoints, or tangents, of what a group's equations make, and where it is. */
export function largest(model: Model, group: Group, mode: Mode): Largest {
  if (memo?.model !== model || memo.live !== live.value) memo = { model, live: live.value, known: new Map() };
  const key = `${mode} ${group.first} ${group.last}`;
  let found = memo.known.get(key);
  if (found === undefined) {
    found = search(model, group, mode);
    memo.known.set(key, found);
  }
  return found;
}

function search(model: Model, group: Group, mode: Mode): Largest {
  const kind = mode === 'reverse' ? 'adjoint' : 'tangent';
  const { graph, sweeps } = model.doc;
  const changed = live.value?.[kind]; // as `recordOf` does, without asking for the moment's document each time
  let found: Largest = null;
  for (let k = group.first; k <= group.last; k++)
    for (const value of graph.equations[k].outputs) {
      const record = changed ? changed.get(value) : sweeps.records[sweeps[kind][value] ?? -1];
      if (!record) continue;
      const size = magnitude(record);
      if (Number.isNaN(size)) return { size, value };
      if (size > (found?.size ?? -1)) found = { size, value };
    }
  return found;
}

/** The largest magnitude of a value's entries: NaN where one of them is none, and of an empty array -1. */
function magnitude(record: DataRecord): number {
  const { stats } = record;
  if (stats) {
    if (stats.nan) return NaN;
    return stats.inf ? Infinity : Math.max(Math.abs(num(stats.min)), Math.abs(num(stats.max)));
  }
  let top = -1;
  for (const x of record.v ?? []) {
    const size = Math.abs(typeof x === 'number' ? x : num(x));
    if (Number.isNaN(size)) return NaN;
    if (size > top) top = size;
  }
  return top;
}

/** The lines of a collapsed group that do not change with the step. */
export function fixedLines(model: Model, group: Group): string[] {
  const count = group.last - group.first + 1;
  const took = secondsOf(model.doc, group);
  const lines = [`${grouped(count)} equation${count === 1 ? '' : 's'}${took === null ? '' : ` · ${seconds(took)}`}`];
  const parameters = parametersOf(model, group);
  if (parameters.length) {
    const named = parameters.map(({ name, shape }) => `${name} ${shapeText(shape)}`).join(' · ');
    const total = parameters.reduce((sum, { shape }) => sum + entries(shape), 0);
    const few = parameters.length <= MOST_NAMED && named.length <= LONGEST;
    lines.push(few ? named : `${parameters.length} parameters, ${grouped(total)} numbers`);
  }
  return lines;
}

/** What is known of a group's gradients when all of them have arrived. */
export function gradientLine(model: Model, group: Group, mode: Mode): string {
  const found = largest(model, group, mode);
  return found ? `max |${mode === 'reverse' ? '∂' : '·'}| ${short(found.size, 3)}` : '';
}

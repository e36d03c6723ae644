/** Runs the document's programs again at other inputs: the graph, its linear part, and the transpose of that. */
import type { DataRecord, Num, Program, RawGraph, Sent } from '../document';
import { ELEMENTWISE } from '../generated/primitives';
import { num } from '../text/numbers';
import { STRUCTURAL, type Value } from './arrays';

export interface LiveResult {
  inputs: number[][];
  direction: number[][];
  primal: Map<number, DataRecord>;
  tangent: Map<number, DataRecord>;
  adjoint: Map<number, DataRecord>;
  /** `equation:position` -> what the equation hands to that operand; equation -1 is the seed. */
  sent: Map<string, DataRecord>;
}

export class OtherPath extends Error {}

/** Compute one equation. */
export function apply(name: string, args: Value[], params: Record<string, unknown>, shape: number[], dtype: string): number[] {
  const structural = STRUCTURAL[name];
  let out: number[];
  if (structural) out = structural(args, params, shape);
  else {
    const rule = ELEMENTWISE[name];
    if (!rule) throw new Error(`the page cannot compute ${name}`);
    const count = args[0].v.length;
    out = new Array<number>(count);
    const operands = new Array<number>(args.length);
    for (let n = 0; n < count; n++) {
      for (let k = 0; k < args.length; k++) operands[k] = args[k].v[n];
      out[n] = Number(rule(operands, params as Record<string, number>));
    }
  }
  return dtype === 'float32' ? out.map(Math.fround) : out;
}

export function evaluate(graph: RawGraph, inputs: number[][]): number[][] {
  const env: number[][] = new Array(graph.avals.length);
  graph.inputs.forEach((i, k) => (env[i] = inputs[k]));
  for (const [name, ins, outs, params] of graph.equations) {
    const [shape, dtype] = graph.avals[outs[0]];
    env[outs[0]] = apply(name, ins.map((i) => ({ shape: graph.avals[i][0], v: env[i] })), params, shape, dtype);
  }
  return env;
}

export function numbers(values: Num[][]): number[][] {
  return values.map((value) => value.map((x) => num(x)));
}

/** Run everything at these inputs, along this direction. */
export function run(program: Program, sends: Sent[][], inputs: number[][], direction: number[][]): LiveResult {
  if (program.guards) {
    const { graph, seen } = program.guards;
    const found = evaluate(graph, inputs);
    const outs = graph.outputs.slice(graph.outputs.length - seen.length);
    seen.forEach(([kind, value], k) => {
      const now = found[outs[k]][0];
      const same = kind === 'bool' ? Boolean(now) === Boolean(value) : value !== null && Math.trunc(now) === num(value);
      if (!same) throw new OtherPath('at these inputs the program takes another path through its Python branches');
    });
  }
  const primal = evaluate(program.primal, inputs);
  const known = evaluate(program.residual, inputs);
  const outputs = program.residual.outputs;
  const residuals = outputs.slice(outputs.length - program.residuals).map((i) => known[i]);
  const tangents = evaluate(program.linear, [...residuals, ...direction]);
  const seeds = program.cotangents.filter((w): w is Num[] => w !== null);
  const back = evaluate(program.back, [...residuals, ...numbers(seeds), ...numbers(program.back_constants)]);
  const tangentOf = new Map(program.tangents);
  const sumOf = new Map(program.sums);
  const adjoint = (i: number): number[] | null => {
    const t = tangentOf.get(i);
    if (t === undefined) return null;
    const number = sumOf.get(t);
    return number === undefined ? primal[i].map(() => 0) : back[number];
  };
  const made: LiveResult = {
    inputs, direction, primal: new Map(), tangent: new Map(), adjoint: new Map(), sent: new Map(),
  };
  primal.forEach((value, i) => {
    if (value === undefined) return;
    made.primal.set(i, { v: value.map(json) });
    const t = tangentOf.get(i);
    if (t !== undefined) made.tangent.set(i, { v: (tangents[t] ?? []).map(json) });
    const a = adjoint(i);
    if (a) made.adjoint.set(i, { v: a.map(json) });
  });
  const copies = new Map(program.copies.map(([reader, position, copy]) => [`${reader}:${position}`, copy]));
  const send = (equation: number, position: number, value: number): void => {
    const key = `${equation}:${position}`;
    const a = adjoint(copies.get(key) ?? value);
    if (a) made.sent.set(key, { v: a.map(json) });
  };
  sends.forEach((row, k) => row.forEach(([position, value]) => send(k, position, value)));
  program.cotangents.forEach((w, k) => {
    if (w) send(-1, k, program.primal.outputs[k]);
  });
  return made;
}

function json(x: number): Num {
  return Number.isFinite(x) ? x : Number.isNaN(x) ? 'nan' : x > 0 ? 'inf' : '-inf';
}

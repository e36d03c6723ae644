/** Primitives that move, add or multiply entries, on flat arrays in C order. */

export interface Value {
  shape: number[];
  v: number[];
}

type Params = Record<string, unknown>;
type Rule = (args: Value[], params: Params, shape: number[]) => number[];

export function size(shape: number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

export function strides(shape: number[]): number[] {
  const made = new Array<number>(shape.length);
  let step = 1;
  for (let k = shape.length - 1; k >= 0; k--) {
    made[k] = step;
    step *= shape[k];
  }
  return made;
}

/** Call `visit` for each index of a shape, with the place that given strides lead to. */
function walk(shape: number[], steps: number[], start: number, visit: (n: number, at: number) => void): void {
  const count = size(shape);
  const index = new Array<number>(shape.length).fill(0);
  let at = start;
  for (let n = 0; n < count; n++) {
    visit(n, at);
    for (let k = shape.length - 1; k >= 0; k--) {
      at += steps[k];
      if (++index[k] < shape[k]) break;
      at -= steps[k] * shape[k];
      index[k] = 0;
    }
  }
}

function picked(x: Value, shape: number[], steps: number[], start = 0): number[] {
  const out = new Array<number>(size(shape));
  walk(shape, steps, start, (n, at) => (out[n] = x.v[at]));
  return out;
}

function reduce(start: number, combine: (a: number, b: number) => number): Rule {
  return ([x], params, shape) => {
    const axes = params.axes as number[];
    const out = new Array<number>(size(shape)).fill(start);
    const own = strides(shape);
    let k = 0;
    const steps = x.shape.map((_, axis) => (axes.includes(axis) ? 0 : own[k++]));
    walk(x.shape, steps, 0, (n, at) => (out[at] = combine(out[at], x.v[n])));
    return out;
  };
}

function sliced(x: number[], steps: number[], params: Params): { start: number; steps: number[] } {
  const starts = params.starts as number[];
  const every = params.steps as number[];
  const own = strides(x);
  return {
    start: starts.reduce((sum, s, k) => sum + s * own[k], 0),
    steps: steps.map((_, k) => every[k] * own[k]),
  };
}

function written(combine: (old: number, fresh: number) => number): Rule {
  return ([x, v], params) => {
    const out = [...x.v];
    const { start, steps } = sliced(x.shape, x.shape, params);
    walk(v.shape, steps, start, (n, at) => (out[at] = combine(out[at], v.v[n])));
    return out;
  };
}

function dot([x, y]: Value[], params: Params, shape: number[]): number[] {
  const [cx, cy] = params.contract as [number[], number[]];
  const [bx, by] = params.batch as [number[], number[]];
  const free = (rank: number, used: number[]): number[] => [...Array(rank).keys()].filter((k) => !used.includes(k));
  const [sx, sy] = [strides(x.shape), strides(y.shape)];
  const fx = free(x.shape.length, [...cx, ...bx]);
  const fy = free(y.shape.length, [...cy, ...by]);
  const outer = [...bx.map((k) => x.shape[k]), ...fx.map((k) => x.shape[k]), ...fy.map((k) => y.shape[k])];
  const stepsX = [...bx.map((k) => sx[k]), ...fx.map((k) => sx[k]), ...fy.map(() => 0)];
  const stepsY = [...by.map((k) => sy[k]), ...fx.map(() => 0), ...fy.map((k) => sy[k])];
  const inner = cx.map((k) => x.shape[k]);
  const [ix, iy] = [cx.map((k) => sx[k]), cy.map((k) => sy[k])];
  const out = new Array<number>(size(shape)).fill(0);
  const startX: number[] = [];
  walk(outer, stepsX, 0, (_, at) => startX.push(at));
  walk(outer, stepsY, 0, (n, at) => {
    let sum = 0;
    const places: number[] = [];
    walk(inner, ix, startX[n], (_, a) => places.push(a));
    walk(inner, iy, at, (m, b) => (sum += x.v[places[m]] * y.v[b]));
    out[n] = sum;
  });
  return out;
}

export const STRUCTURAL: Record<string, Rule> = {
  full: (_, params, shape) => new Array<number>(size(shape)).fill(real(params.value)),
  literal: (_, params) => (params.value as unknown[]).map(real),
  convert: ([x], params) => x.v.map(CONVERSIONS[kind(params.dtype as string)]),
  broadcast: ([x], params, shape) => {
    // `axes` says which axis of the result each axis of the operand becomes; one of size 1 may be stretched.
    const axes = params.axes as number[];
    const own = strides(x.shape);
    const steps = shape.map(() => 0);
    axes.forEach((axis, k) => (steps[axis] = x.shape[k] === 1 ? 0 : own[k]));
    return picked(x, shape, steps);
  },
  reshape: ([x]) => [...x.v],
  transpose: ([x], params, shape) => {
    const own = strides(x.shape);
    return picked(x, shape, (params.axes as number[]).map((axis) => own[axis]));
  },
  rev: ([x], params, shape) => {
    const axes = params.axes as number[];
    const own = strides(x.shape);
    const start = axes.reduce((sum, axis) => sum + (x.shape[axis] - 1) * own[axis], 0);
    return picked(x, shape, own.map((step, axis) => (axes.includes(axis) ? -step : step)), Math.max(start, 0));
  },
  slice: ([x], params, shape) => {
    const { start, steps } = sliced(x.shape, x.shape, params);
    return picked(x, shape, steps, start);
  },
  slice_set: written((_, fresh) => fresh),
  slice_add: written((old, fresh) => old + fresh),
  pad: ([x], params, shape) => {
    const low = params.low as number[];
    const interior = params.interior as number[];
    const own = strides(shape);
    const out = new Array<number>(size(shape)).fill(0);
    const start = low.reduce((sum, n, k) => sum + n * own[k], 0);
    walk(x.shape, own.map((step, k) => step * (interior[k] + 1)), start, (n, at) => {
      if (at >= 0 && at < out.length) out[at] = x.v[n];
    });
    return out;
  },
  concatenate: (args, params, shape) => {
    const axis = params.axis as number;
    const own = strides(shape);
    const out = new Array<number>(size(shape));
    let offset = 0;
    for (const x of args) {
      walk(x.shape, own, offset * own[axis], (n, at) => (out[at] = x.v[n]));
      offset += x.shape[axis];
    }
    return out;
  },
  reduce_sum: reduce(0, (a, b) => a + b),
  reduce_prod: reduce(1, (a, b) => a * b),
  reduce_max: reduce(-Infinity, Math.max),
  reduce_min: reduce(Infinity, Math.min),
  dot,
};

function real(x: unknown): number {
  if (x === 'inf') return Infinity;
  if (x === '-inf') return -Infinity;
  if (x === 'nan') return NaN;
  return Number(x);
}

function kind(dtype: string): 'bool' | 'int' | 'float' {
  return dtype === 'bool' ? 'bool' : /^u?int/.test(dtype) ? 'int' : 'float';
}

const CONVERSIONS = {
  bool: (x: number): number => (x !== 0 ? 1 : 0),
  int: (x: number): number => Math.trunc(x),
  float: (x: number): number => x,
};

/** What is not finite, and where it began. */
import { computed } from '@preact/signals';
import type { DataRecord, Num } from './document';
import { model, recordOf } from './state';
import { num } from './text/numbers';

export function broken(record: DataRecord | null): boolean {
  if (!record) return false;
  if (record.stats) return record.stats.nan + record.stats.inf > 0;
  // Asked of every value of the graph: no statistics are made for it.
  for (const x of record.v ?? []) if (typeof x === 'number' ? !Number.isFinite(x) : isBroken(x)) return true;
  return false;
}

function isBroken(x: Num): boolean {
  if (typeof x === 'object') return !Number.isFinite(num(x));
  return x === 'nan' || x === 'inf' || x === '-inf';
}

/** For each pass the first equation whose result is not finite although all that it reads is; null where all is well. */
export const firstBad = computed<{ forward: number | null; backward: number | null } | null>(() => {
  const m = model.value;
  if (!m) return null;
  const { equations } = m.doc.graph;
  const bad = (kind: 'primal' | 'adjoint', i: number): boolean => broken(recordOf(kind, i));
  const forward = equations.findIndex((e) => e.outputs.some((i) => bad('primal', i)));
  let backward = -1;
  for (let k = equations.length - 1; k >= 0 && backward < 0; k--) {
    const clean = equations[k].outputs.every((i) => !bad('adjoint', i));
    if (clean && m.doc.sweeps.sends[k].some(([, operand]) => bad('adjoint', operand))) backward = k;
  }
  return { forward: forward < 0 ? null : forward, backward: backward < 0 ? null : backward };
});

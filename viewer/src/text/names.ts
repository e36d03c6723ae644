/** Numbers in the place of names, for formulas of the current step. */
import type { DataRecord } from '../document';
import type { Model } from '../model';
import { recordOf } from '../state';
import { numberTex, type Substitute } from './tex';
import { entries, num } from './numbers';

const MOST_ROWS = 3;
const MOST_COLUMNS = 4;

/** Return a value as LaTeX where it is small enough to be written; else null. */
export function valueTex(record: DataRecord | null, shape: number[]): string | null {
  if (!record?.v) return null;
  if (shape.length === 0 || entries(shape) === 1) return numberTex(num(record.v[0]));
  if (shape.length > 2) return null;
  const columns = shape[shape.length - 1];
  const rows = shape.length === 1 ? 1 : shape[0];
  if (rows > MOST_ROWS || columns > MOST_COLUMNS) return null;
  const lines: string[] = [];
  for (let r = 0; r < rows; r++)
    lines.push(record.v.slice(r * columns, (r + 1) * columns).map((x) => numberTex(num(x), 3)).join(' & '));
  return `\\begin{bmatrix}${lines.join(' \\\\ ')}\\end{bmatrix}`;
}

const KNOWN = new WeakMap<Model, Map<string, number>>();

/** Look names up in the graph: `x1` is a primal, `x1_dot` a tangent, `x1_bar` an adjoint. */
export function substitution(model: Model): Substitute {
  let numbers = KNOWN.get(model);
  if (!numbers) {
    numbers = new Map(model.doc.graph.values.map(([name], i) => [name, i]));
    KNOWN.set(model, numbers);
  }
  const found = numbers;
  return (name) => {
    const kind = name.endsWith('_bar') ? 'adjoint' : name.endsWith('_dot') ? 'tangent' : 'primal';
    const base = kind === 'primal' ? name : name.slice(0, -4);
    const i = found.get(base);
    return i === undefined ? null : valueTex(recordOf(kind, i), model.doc.graph.values[i][1]);
  };
}

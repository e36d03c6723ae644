/** The document that Python writes; its schema is described in src/wengert/view/document.py. */

export type Num = number | 'nan' | 'inf' | '-inf' | { re: Num; im: Num } | boolean | string;

export interface Stats {
  nan: number;
  inf: number;
  zero: number;
  min?: Num;
  max?: Num;
  mean?: Num;
  norm?: Num;
}

export interface DataRecord {
  v?: Num[];
  stats?: Stats;
  hist?: { low: Num; high: Num; counts: number[] } | null;
  heat?: { rows: number; columns: number; v: Num[] };
}

export interface Equation {
  primitive: string;
  inputs: number[];
  outputs: number[];
  text: string;
  at: [number, number] | null;
  pattern?: [string, string];
  graphs?: SubGraph[];
}

export type ValueInfo = [name: string, shape: number[], dtype: string];

export interface PlainGraph {
  values: ValueInfo[];
  equations: Equation[];
}

export interface SubGraph {
  name: string;
  graph: PlainGraph;
  inputs: number[];
  outputs: number[];
}

export interface Group {
  label: string;
  kind: 'layer' | 'function' | 'pass' | 'part' | 'loop';
  first: number;
  last: number;
  parent: number;
}

export interface GraphData extends PlainGraph {
  inputs: { value: number; role: 'data' | 'parameter' | 'input' | 'constant'; active: boolean }[];
  outputs: { value: number; name: string; role: 'loss' | 'output' }[];
  groups: Group[];
}

/** What one equation hands back to one operand: operand's place, value, formula, number of the record. */
export type Sent = [position: number, value: number, text: string, record: number | null];

export interface Sweeps {
  records: (DataRecord | null)[];
  primal: (number | null)[];
  tangent: (number | null)[];
  adjoint: (number | null)[];
  tangent_text: string[];
  sends: Sent[][];
  seeds: (number | null)[];
  direction: (number | null)[];
}

export interface Source {
  function: string;
  file: string;
  first: number;
  lines: string[];
}

export interface Road {
  road: string;
  method: string;
  value: Num[] | null;
  error: Num | null;
  seconds: number | null;
  operations: number | null;
  remark: string;
}

export interface Roads {
  entries: string[];
  kinks: string[];
  total_entries: number;
  complete: boolean;
  reference: string;
  roads: Road[];
  step_sizes: {
    steps: number[];
    forward_difference_errors: Num[];
    central_difference_errors: Num[];
    complex_step_error: Num | null;
  };
  swell: {
    graph_operations: number;
    formula_operations: number;
    gradient_formula_operations: number | null;
    reverse_operations: number;
    formula: string | null;
    gradient_formulas: string[] | null;
  };
}

export interface ShapeEntry {
  output: string;
  input: string;
  output_shape: number[];
  input_shape: number[];
  name: string;
  numerator_layout: number[];
  denominator_layout: number[];
  flattened: [number, number];
}

export interface Costs {
  sweeps: {
    what: string;
    equations: number;
    operations: number;
    seconds: number;
    peak_bytes: number;
    live_bytes: number[];
  }[];
  jacobian: {
    rows: number;
    columns: number;
    forward_operations: number;
    reverse_operations: number;
    chosen: string;
  };
  residual_bytes: number;
  reason: string;
}

export interface Pair {
  linear: string;
  transpose: string[];
  primitive: string;
  dual: string;
}

export interface Layer {
  name: string;
  parameters: string[];
  first: number;
  last: number;
  last_equation: string;
  shape: number[];
}

export interface Training {
  rate: number;
  losses: Num[];
  norms: Num[];
  parameters: {
    value: number;
    before: DataRecord;
    gradient: DataRecord;
    after: DataRecord;
    norm: Num;
  }[];
}

export interface Jacobian {
  rows: [string, number][];
  columns: [string, number][];
  v: Num[][];
}

export type RawAval = [number[], string];
export type RawEquation = [string, number[], number[], Record<string, unknown>];

export interface RawGraph {
  avals: RawAval[];
  inputs: number[];
  equations: RawEquation[];
  outputs: number[];
}

export interface Program {
  why?: string;
  primal: RawGraph;
  residual: RawGraph;
  linear: RawGraph;
  back: RawGraph;
  inputs: Num[][];
  residuals: number;
  tangents: [number, number][];
  sums: [number, number][];
  copies: [number, number, number][];
  direction: Num[][];
  cotangents: (Num[] | null)[];
  back_constants: Num[][];
  guards?: { graph: RawGraph; seen: [string, Num | null][] };
}

export interface CompiledStep {
  text: string;
  kind: string;
  equations: number[];
  operations: number;
  bytes: number;
  seconds: number | null;
  llvm: string;
}

export interface Compiled {
  steps: CompiledStep[];
  arena: number;
  operations: number;
  bytes: number;
  seconds: number;
  simplified: number;
}

/** What goes on inside of an equation that holds a graph: the runs that can be looked at; or why there are none. */
export interface Inside {
  why?: string;
  title: string;
  unit: string;
  count: number;
  shown: number[];
  /** Number of the inner graph in `bodies`. */
  body: number;
  runs: { sweeps: Sweeps; inside: Record<string, Inside> }[];
}

/** A format that only Python can make: its text, its bytes, or why it is not there. */
export interface Export {
  text?: string;
  base64?: string;
  why?: string;
}

export interface Doc {
  schema: string;
  version: number;
  generator: string;
  title: string;
  function: { name: string; file: string | null; line: number | null };
  sources: Source[];
  graph: GraphData;
  primitives: Record<string, { doc: string; label: string; explanation: string }>;
  sweeps: Sweeps;
  reports: {
    roads?: Roads;
    shapes?: { derivatives: ShapeEntry[] };
    graph?: { undirected_cycles: number; depth: number };
    duality?: { pairs: Pair[]; kinds: { forward: string; backward: string; count: number }[] };
    costs?: Costs;
    network?: { layers: Layer[]; parameter_count: number };
  };
  /** By place in the schedule: what goes on inside of an equation that holds a graph. */
  inside: Record<string, Inside>;
  bodies: { title: string; graph: GraphData }[];
  exports: Partial<Record<'dot' | 'mermaid' | 'latex' | 'onnx', Export>>;
  jacobian: Jacobian | null;
  training: Training | null;
  program: Program | null;
  compiled: Compiled | null;
  omitted: [string, string][];
}

export interface Tour {
  id: string;
  title: string;
  document: Doc;
}

export const VERSION = 2;

/** Read a block of JSON from the page; null where there is none. */
export function embedded<T>(id: string): T | null {
  const text = document.getElementById(id)?.textContent;
  return text ? (JSON.parse(text) as T | null) : null;
}

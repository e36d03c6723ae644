/** The graph as nodes and edges, and the order in which the passes go through them. */
import type { Doc, Group, Sent } from './document';

export type Role = 'data' | 'parameter' | 'input' | 'constant' | 'equation' | 'loss' | 'output';

export interface Node {
  id: string;
  role: Role;
  /** Place in the schedule; -1 for inputs and outputs. */
  equation: number;
  /** Numbers of the values that it makes; of an output, the one it hands out. */
  values: number[];
  title: string;
  /** Numbers of the innermost group first, then of the groups around it. */
  groups: number[];
}

export interface Edge {
  from: string;
  to: string;
  value: number;
  /** Which operand of the equation that reads it, or which output. */
  position: number;
}

export type Phase = 'inputs' | 'forward' | 'seed' | 'backward' | 'gradients' | 'tangent' | 'result';
export type Mode = 'reverse' | 'forward';

export interface Step {
  phase: Phase;
  node: Node | null;
}

export interface Arrival {
  step: number;
  equation: number;
  sent: Sent;
}

const SYMBOLS: Record<string, string> = {
  add: '+', sub: '−', mul: '×', scale: '×', div: '÷', neg: '−x', dot: '@', reduce_sum: 'Σ', reduce_prod: 'Π',
  integer_pow: 'xⁿ', pow: 'xʸ', sqrt: '√', abs: '|x|', reciprocal: '1/x', expit: 'σ', transpose: 'xᵀ', gt: '>', ge: '≥',
  lt: '<', le: '≤', eq: '=', ne: '≠', logical_and: 'and', logical_or: 'or', logical_not: 'not', reduce_max: 'max',
  reduce_min: 'min', slice: '[ : ]', gather: '[ i ]', convert: 'dtype',
};

export function symbolOf(primitive: string): string {
  return SYMBOLS[primitive] ?? primitive;
}

export class Model {
  readonly nodes: Node[] = [];
  readonly byId = new Map<string, Node>();
  readonly edges: Edge[] = [];
  readonly equationNodes: Node[] = [];
  readonly steps: Record<Mode, Step[]>;
  /** For each value, what arrives at its adjoint, in order, and the step at which it does. */
  readonly arrivals = new Map<number, Arrival[]>();
  /** Step at which a value is known in the forward pass. */
  readonly bornAt = new Map<number, number>();
  /** Step of the reverse timeline at which a value's adjoint has been used, so that it is complete. */
  readonly completeAt = new Map<number, number>();
  /** Node that makes a value. */
  readonly makers = new Map<number, Node>();
  /** Numbers of the values that are read more than once by what derivatives flow through. */
  readonly branches = new Set<number>();

  constructor(readonly doc: Doc) {
    const { graph } = doc;
    for (const input of graph.inputs) {
      const node = this.add(`i${input.value}`, input.role, -1, [input.value], graph.values[input.value][0], []);
      this.makers.set(input.value, node);
      this.bornAt.set(input.value, 0);
    }
    const chains = groupChains(graph.groups, graph.equations.length);
    graph.equations.forEach((equation, k) => {
      const node = this.add(`e${k}`, 'equation', k, equation.outputs, symbolOf(equation.primitive), chains[k]);
      this.equationNodes.push(node);
      for (const i of equation.outputs) {
        this.makers.set(i, node);
        this.bornAt.set(i, k + 1);
      }
      equation.inputs.forEach((i, position) => {
        const maker = this.makers.get(i);
        if (maker) this.edges.push({ from: maker.id, to: node.id, value: i, position });
      });
    });
    graph.outputs.forEach((output, k) => {
      const node = this.add(`o${k}`, output.role, -1, [output.value], output.name, []);
      const maker = this.makers.get(output.value);
      if (maker) this.edges.push({ from: maker.id, to: node.id, value: output.value, position: k });
    });
    this.steps = { reverse: this.reverse(), forward: this.forward() };
  }

  private add(id: string, role: Role, equation: number, values: number[], title: string, groups: number[]): Node {
    const node = { id, role, equation, values, title, groups };
    this.nodes.push(node);
    this.byId.set(id, node);
    return node;
  }

  private forward(): Step[] {
    const steps: Step[] = [{ phase: 'inputs', node: null }];
    for (const node of this.equationNodes) steps.push({ phase: 'tangent', node });
    steps.push({ phase: 'result', node: this.byId.get('o0') ?? null });
    return steps;
  }

  private reverse(): Step[] {
    const { sweeps, graph } = this.doc;
    const steps: Step[] = [{ phase: 'inputs', node: null }];
    for (const node of this.equationNodes) steps.push({ phase: 'forward', node });
    steps.push({ phase: 'seed', node: this.byId.get('o0') ?? null });
    const seedStep = steps.length - 1;
    sweeps.seeds.forEach((record, k) => {
      const value = graph.outputs[k].value;
      if (record !== null) this.arrive(value, { step: seedStep, equation: -1, sent: [k, value, 'seed', record] });
    });
    for (let k = this.equationNodes.length - 1; k >= 0; k--) {
      steps.push({ phase: 'backward', node: this.equationNodes[k] });
      for (const sent of sweeps.sends[k]) this.arrive(sent[1], { step: steps.length - 1, equation: k, sent });
      for (const i of graph.equations[k].outputs) this.completeAt.set(i, steps.length - 1);
    }
    steps.push({ phase: 'gradients', node: null });
    for (const input of graph.inputs) this.completeAt.set(input.value, steps.length - 1);
    for (const [value, arrivals] of this.arrivals) if (arrivals.length > 1) this.branches.add(value);
    return steps;
  }

  private arrive(value: number, arrival: Arrival): void {
    const known = this.arrivals.get(value);
    if (known) known.push(arrival);
    else this.arrivals.set(value, [arrival]);
  }

  /** Step at which a node's turn comes in a phase of a mode. */
  stepOf(node: Node, mode: Mode, backward: boolean): number {
    const n = this.equationNodes.length;
    if (node.equation >= 0) return backward && mode === 'reverse' ? 2 * n + 1 - node.equation : node.equation + 1;
    if (node.role === 'loss' || node.role === 'output') return n + 1;
    return backward && mode === 'reverse' ? 2 * n + 2 : 0;
  }
}

/** For each equation the groups that it stands in, the innermost first. */
function groupChains(groups: Group[], count: number): number[][] {
  const chains: number[][] = Array.from({ length: count }, () => []);
  groups.forEach((group, number) => {
    for (let k = group.first; k <= group.last; k++) chains[k].unshift(number);
  });
  return chains;
}

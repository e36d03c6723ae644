/** The stops of the tours. */
import type { Mode } from './model';

export interface Stop {
  title: string;
  text: string;
  panel: string;
  mode?: Mode;
  /** The step, from the number of equations. */
  step?: (n: number) => number;
  play?: boolean;
}

const LECTURE: Stop[] = [
  { title: 'A program is a graph', mode: 'reverse', step: () => 0, panel: 'graph',
    text: 'f(x1, x2) = sin(x1) + x1·x2 as a computation graph: inputs at one end, the result at the other, operations between. Edges are directed and never lead back. The schedule is an order in which every equation finds its operands ready.' },
  { title: 'The forward pass', step: () => 0, panel: 'table', play: true,
    text: 'Equation by equation the values fill in. Watch the table and the graph; the line of the program that made the equation is marked.' },
  { title: 'Forward mode', mode: 'forward', step: () => 2, panel: 'step',
    text: 'Forward mode carries a tangent along with each value: the derivative in one direction. Each rule needs only the operands of its own equation.' },
  { title: 'One sweep, one column', mode: 'forward', step: (n) => n + 1, panel: 'step',
    text: 'The direction (1, 0) gives the derivative by x1, the first column of the Jacobian. Try (0, 1), or any other direction.' },
  { title: 'Reverse mode begins at the result', mode: 'reverse', step: (n) => n + 1, panel: 'step',
    text: 'The adjoint of the result is 1. From here the equations are visited in the opposite order.' },
  { title: 'The sum distributes', mode: 'reverse', step: (n) => n + 2, panel: 'step',
    text: 'An addition hands the adjoint that comes in to both of its operands, unchanged.' },
  { title: 'The product switches', mode: 'reverse', step: (n) => n + 3, panel: 'step',
    text: 'A multiplication hands to each operand the adjoint times the value of the other one.' },
  { title: 'Gradients add at branches', mode: 'reverse', step: (n) => 2 * n + 1, panel: 'step',
    text: 'x1 is used twice, so two contributions arrive at it. They add up: cos(x1) + x2.' },
  { title: 'All gradients from one sweep', mode: 'reverse', step: (n) => 2 * n + 2, panel: 'step',
    text: 'One backward sweep has given the derivative by every input. Change an input to see everything computed again.' },
  { title: 'Four roads', panel: 'roads',
    text: 'By hand, by formulas, by differences, automatically. Differences have an error that no step size removes; the automatic derivatives are as exact as the arithmetic.' },
  { title: 'Columns and rows', panel: 'jacobian',
    text: 'A forward sweep fills in a column of the Jacobian, a reverse sweep a row. With one result and many inputs, one row is all there is.' },
  { title: 'Duality', panel: 'duality',
    text: 'Reverse mode is forward mode transposed: the linearised program, read backwards. Copies become sums, and sums copies.' },
];

const SIMPLE: Stop[] = [
  { title: 'f = (x + y) · max(y, z)', mode: 'reverse', step: () => 0, panel: 'step',
    text: 'At x = 1, y = 2, z = 0. Every value and every gradient will stand on the graph: the value in blue, below it the gradient in red.' },
  { title: 'Forward', step: (n) => n, panel: 'table', text: 'The sum is 3, the maximum is 2, and the product is 6.' },
  { title: 'The product: a gradient switcher', step: (n) => n + 2, panel: 'step',
    text: 'The adjoint 1 comes in. To the sum goes 1 · 2, to the maximum 1 · 3: each gets the value of the other.' },
  { title: 'The maximum: a gradient router', step: (n) => n + 3, panel: 'step',
    text: 'The whole adjoint goes to the larger operand, y. The smaller one, z, did not matter for the result: it gets 0.' },
  { title: 'The sum: a gradient distributor', step: (n) => n + 4, panel: 'step',
    text: 'x and y both get 2. At y this is the second contribution: 3 + 2 = 5.' },
  { title: 'Patterns', step: (n) => 2 * n + 2, panel: 'patterns',
    text: 'Distributor, router, switcher, adder: with these four you can read a backward pass off a graph by eye.' },
];

const NETWORK: Stop[] = [
  { title: 'A network is a graph', mode: 'reverse', step: () => 0, panel: 'graph',
    text: 'Data and parameters are both inputs, told apart by colour. Each layer is a group that can be collapsed. The result is the loss.' },
  { title: 'Step 1: F-pass', step: (n) => n, panel: 'training',
    text: 'Forward-prop: the mini-batch goes through the layers to the loss. Arrays are shown as heat maps; shapes stand on the edges.' },
  { title: 'Step 2: B-pass', step: (n) => n + 1, panel: 'training', play: true,
    text: 'Back-prop: from the loss through the layers back to the data, each layer’s parameters get their gradients on the way.' },
  { title: 'The gate of relu', step: (n) => 2 * n - 3, panel: 'patterns',
    text: 'A relu lets a gradient through where its input was positive and stops it elsewhere: a router with one way closed.' },
  { title: 'Step 3: update', step: (n) => 2 * n + 2, panel: 'training',
    text: 'Each parameter takes a step against its gradient. The loss falls; further steps give the curve.' },
  { title: 'Why reverse', panel: 'costs',
    text: 'Many parameters, one loss: reverse mode takes one sweep where forward mode takes one for each parameter. The price is memory.' },
];

export const TOURS: Record<string, Stop[]> = { lecture: LECTURE, simple: SIMPLE, network: NETWORK };

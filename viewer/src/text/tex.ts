/** The library's formulas (`cos(x1) * x1_dot`, `x2 * v3_bar`) as LaTeX, with names or with the numbers in their place. */

type Tree =
  | { kind: 'name'; text: string }
  | { kind: 'number'; text: string }
  | { kind: 'call'; name: string; args: Tree[]; options: Record<string, string> }
  | { kind: 'binary'; op: string; left: Tree; right: Tree }
  | { kind: 'minus'; of: Tree }
  | { kind: 'raw'; text: string };

/** Returns LaTeX for a name, or null to write the name itself. */
export type Substitute = (name: string) => string | null;

const STRENGTH: Record<string, number> = {
  or: 0, and: 0, '<': 1, '>': 1, '<=': 1, '>=': 1, '==': 1, '!=': 1,
  '+': 2, '-': 2, '*': 3, '/': 3, '@': 3, '%': 3, '//': 3, '**': 5,
};
const MINUS = 4;
const ATOM = 9;

const TOKEN =
  /\s*(\.\.\.|\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|[\p{L}_][\p{L}\p{N}_.]*(?:\[[^\]]*\])*(?:_bar|_dot)?|\*\*|\/\/|<=|>=|==|!=|[-+*/@%<>(),=]|'[^']*'|"[^"]*"|\[|\]|.)/uy;

class Parser {
  private tokens: string[] = [];
  private at = 0;

  constructor(text: string) {
    TOKEN.lastIndex = 0;
    let match: RegExpExecArray | null;
    while ((match = TOKEN.exec(text)) !== null && match[0] !== '') this.tokens.push(match[1]);
  }

  parse(): Tree {
    const tree = this.binary(0);
    if (this.at < this.tokens.length) throw new SyntaxError('rest');
    return tree;
  }

  private peek(): string {
    return this.tokens[this.at] ?? '';
  }

  private binary(least: number): Tree {
    let left = this.unary();
    for (;;) {
      const op = this.peek();
      const strength = STRENGTH[op];
      if (strength === undefined || strength < least) return left;
      this.at++;
      const right = this.binary(op === '**' ? strength : strength + 1);
      left = { kind: 'binary', op, left, right };
    }
  }

  private unary(): Tree {
    if (this.peek() === '-') {
      this.at++;
      return { kind: 'minus', of: this.binary(MINUS) };
    }
    return this.atom();
  }

  private atom(): Tree {
    const token = this.tokens[this.at++];
    if (token === undefined) throw new SyntaxError('end');
    if (token === '(') {
      const inner = this.binary(0);
      if (this.peek() !== ')') return this.tuple(inner);
      this.at++;
      return inner;
    }
    if (token === '...') return { kind: 'raw', text: '\\dots' };
    if (/^[\d.]/.test(token)) return { kind: 'number', text: token };
    if (!/^[\p{L}_]/u.test(token)) throw new SyntaxError(token);
    if (this.peek() !== '(') return { kind: 'name', text: token };
    this.at++;
    const args: Tree[] = [];
    const options: Record<string, string> = {};
    while (this.peek() !== ')') {
      if (this.at >= this.tokens.length) throw new SyntaxError('end');
      if (this.tokens[this.at + 1] === '=') {
        const name = this.tokens[this.at];
        this.at += 2;
        options[name] = this.option();
      } else args.push(this.binary(0));
      if (this.peek() === ',') this.at++;
      else if (this.peek() !== ')') throw new SyntaxError(this.peek());
    }
    this.at++;
    return { kind: 'call', name: token, args, options };
  }

  /** Skip over a parameter's value, which is shown as it is. */
  private option(): string {
    let depth = 0;
    let text = '';
    while (this.at < this.tokens.length) {
      const token = this.peek();
      if (depth === 0 && (token === ',' || token === ')')) break;
      if ('(['.includes(token)) depth++;
      if (')]'.includes(token)) depth--;
      text += token;
      this.at++;
    }
    return text;
  }

  private tuple(_: Tree): Tree {
    throw new SyntaxError('tuple');
  }
}

const GREEK =
  'alpha beta gamma delta epsilon zeta eta theta kappa lambda mu nu xi rho sigma tau phi chi psi omega'.split(' ');

export function escapeTex(text: string): string {
  const special: Record<string, string> = {
    '\\': '\\textbackslash{}', '{': '\\{', '}': '\\}', '$': '\\$', '&': '\\&', '#': '\\#', '_': '\\_', '%': '\\%',
    '^': '\\textasciicircum{}', '~': '\\textasciitilde{}',
  };
  return [...text].map((c) => special[c] ?? c).join('');
}

/** Return a name as LaTeX: `v3` with an index, `x1_bar` with a bar, words upright. */
export function nameTex(name: string): string {
  const match = /^(.*?)(_bar|_dot)?$/s.exec(name);
  const base = match?.[1] ?? name;
  const mark = match?.[2];
  const over = (text: string, long: boolean): string =>
    mark === '_bar' ? (long ? `\\overline{${text}}` : `\\bar{${text}}`) : mark === '_dot' ? `\\dot{${text}}` : text;
  const simple = /^([A-Za-z])_?(\d*)(?:\.(\d+))?$/.exec(base);
  if (simple) {
    const index = [simple[2], simple[3] ? `(${simple[3]})` : ''].join('');
    return over(simple[1], false) + (index ? `_{${index}}` : '');
  }
  const greek = /^([a-z]+)_?(\d*)$/.exec(base);
  if (greek && GREEK.includes(greek[1])) return over(`\\${greek[1]}`, false) + (greek[2] ? `_{${greek[2]}}` : '');
  return over(`\\mathrm{${escapeTex(base)}}`, true);
}

const FUNCTIONS: Record<string, string> = {
  sin: '\\sin', cos: '\\cos', tan: '\\tan', sinh: '\\sinh', cosh: '\\cosh', tanh: '\\tanh', exp: '\\exp', log: '\\ln',
  arcsin: '\\arcsin', arccos: '\\arccos', arctan: '\\arctan', max: '\\max', min: '\\min', det: '\\det',
};

const OPERATORS: Record<string, string> = {
  '*': '\\cdot', '@': '\\,', '+': '+', '-': '-', '%': '\\bmod', '<': '<', '>': '>', '<=': '\\le', '>=': '\\ge',
  '==': '=', '!=': '\\ne', and: '\\land', or: '\\lor',
};

function strength(tree: Tree): number {
  if (tree.kind === 'binary') return tree.op === '/' ? ATOM : STRENGTH[tree.op];
  if (tree.kind === 'minus') return MINUS;
  return ATOM;
}

function write(tree: Tree, substitute: Substitute): string {
  const inside = (child: Tree, least: number): string => {
    const text = write(child, substitute);
    const negative = /^-/.test(text) && least > 2;
    return strength(child) < least || negative ? `\\left(${text}\\right)` : text;
  };
  switch (tree.kind) {
    case 'raw':
      return tree.text;
    case 'number':
      return numberTex(Number(tree.text));
    case 'name': {
      if (tree.text === 'inf') return '\\infty';
      if (tree.text === 'nan') return '\\mathrm{NaN}';
      return substitute(tree.text) ?? nameTex(tree.text);
    }
    case 'minus':
      return `-${inside(tree.of, MINUS)}`;
    case 'binary': {
      const own = STRENGTH[tree.op];
      if (tree.op === '/') return `\\frac{${write(tree.left, substitute)}}{${write(tree.right, substitute)}}`;
      if (tree.op === '//')
        return `\\left\\lfloor\\frac{${write(tree.left, substitute)}}{${write(tree.right, substitute)}}\\right\\rfloor`;
      if (tree.op === '**') return `${inside(tree.left, ATOM)}^{${write(tree.right, substitute)}}`;
      const right = inside(tree.right, tree.op === '+' ? own : own + 1);
      const second = /^-/.test(right) ? `\\left(${right}\\right)` : right;
      return `${inside(tree.left, own)} ${OPERATORS[tree.op]} ${second}`;
    }
    case 'call': {
      const args = tree.args.map((arg) => write(arg, substitute));
      const [first, second] = args;
      switch (tree.name) {
        case 'sqrt':
          return `\\sqrt{${first}}`;
        case 'abs':
          return `\\left|${first}\\right|`;
        case 'reciprocal':
          return `\\frac{1}{${first}}`;
        case 'transpose':
          return `${inside(tree.args[0], ATOM)}^{\\top}`;
        case 'reduce_sum':
          return `\\textstyle\\sum ${inside(tree.args[0], 3)}`;
        case 'copy':
        case 'convert':
          return first;
        case 'scale':
          return `${first} \\cdot ${second}`;
        case 'expit':
          return `\\sigma\\left(${first}\\right)`;
      }
      const name = FUNCTIONS[tree.name] ?? `\\operatorname{${escapeTex(tree.name)}}`;
      return `${name}\\left(${args.join(',\\, ')}\\right)`;
    }
  }
}

export function numberTex(x: number, digits = 4): string {
  if (Number.isNaN(x)) return '\\mathrm{NaN}';
  if (!Number.isFinite(x)) return x > 0 ? '\\infty' : '-\\infty';
  if (Number.isInteger(x) && Math.abs(x) < 1e6) return String(x);
  const size = Math.abs(x);
  if (size >= 1e6 || size < 1e-4) {
    const [mantissa, exponent] = x.toExponential(digits - 1).split('e');
    return `${mantissa.replace(/\.?0+$/, '')}\\cdot 10^{${Number(exponent)}}`;
  }
  const text = x.toPrecision(digits);
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

const NOTHING: Substitute = () => null;
const TREES = new Map<string, Tree | null>();

/** Return a formula as LaTeX; what cannot be parsed is shown as upright text. */
export function formulaTex(text: string, substitute: Substitute = NOTHING): string {
  let tree = TREES.get(text);
  if (tree === undefined) {
    try {
      tree = new Parser(text).parse();
    } catch {
      tree = null;
    }
    if (TREES.size > 5000) TREES.clear();
    TREES.set(text, tree);
  }
  return tree === null ? `\\mathtt{${escapeTex(text)}}` : write(tree, substitute);
}

/** The drawing: SVG elements made once for a layout, of which each step changes only texts and classes. */
import { broken } from '../bad';
import { brief } from '../text/numbers';
import type { Group } from '../document';
import type { Mode, Model, Node } from '../model';
import { enter, insideOf, recordOf, sentRecord } from '../state';
import { LINE } from './measure';
import type { Box, Layout, Route } from './layout';
import { fixedLines, gradientLine } from './summary';
import type { Item } from './visible';

const SVG = 'http://www.w3.org/2000/svg';

export function svg<K extends keyof SVGElementTagNameMap>(
  name: K, attributes: Record<string, string | number> = {}, text?: string,
): SVGElementTagNameMap[K] {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  if (text !== undefined) element.textContent = text;
  return element;
}

interface NodeParts {
  /** What is put into the document: the node, and the way into it, which is a button of its own. */
  outer: SVGGElement;
  group: SVGGElement;
  value: SVGTextElement | null;
  back: SVGTextElement | null;
  /** Of a collapsed group: what it says at every step. */
  fixed: string[];
}

interface EdgeParts {
  group: SVGGElement;
  back: SVGTextElement | null;
}

/** Something to draw; its elements are made when it is first seen, and in the document only while it is. */
interface Drawn<Parts> {
  box: Box;
  parts: Parts | null;
  shown: boolean;
}

type DrawnNode = Drawn<NodeParts> & { item: Item };
type DrawnEdge = Drawn<EdgeParts> & { route: Route };

/** Up to so many nodes everything is in the document; of more only what is in the window. */
const MOST_AT_ONCE = 150;

/** What the drawing has to know of the moment. */
export interface Moment {
  mode: Mode;
  step: number;
  focus: string | null;
  badges: boolean;
  marked: ReadonlySet<string>;
}

export class Drawing {
  readonly root = svg('g', { class: 'scene' });
  private readonly frameLayer = svg('g', { class: 'frames' });
  private readonly hullLayer = svg('g', { class: 'hulls', 'aria-hidden': 'true' });
  private readonly edgeLayer = svg('g', { class: 'edges', 'aria-hidden': 'true' });
  private readonly nodeLayer = svg('g', { class: 'nodes' });
  private readonly farLayer = svg('g', { class: 'far', 'aria-hidden': 'true' });
  readonly nodes = new Map<string, DrawnNode>();
  private readonly edges: DrawnEdge[] = [];
  private moment: Moment | null = null;

  constructor(
    private readonly model: Model,
    readonly layout: Layout,
    private readonly shownAs: Map<string, string>,
    private readonly onToggle: (group: number) => void,
  ) {
    this.root.append(this.frameLayer, this.hullLayer, this.edgeLayer, this.nodeLayer, this.farLayer);
    for (const { group, box } of layout.frames) this.frame(group, box);
    for (const route of layout.routes) this.edges.push({ route, box: route.box, parts: null, shown: false });
    for (const { item, box } of layout.items) this.nodes.set(item.id, { item, box, parts: null, shown: false });
    if (this.nodes.size <= MOST_AT_ONCE) this.showAll();
    else this.far();
  }

  /** Where a node is, or the collapsed group that it is in. */
  boxOf(id: string): Box | null {
    return this.nodes.get(this.shownAs.get(id) ?? '')?.box ?? null;
  }

  /** Where a group is, collapsed or open. */
  boxOfGroup(group: number): Box | null {
    return this.layout.frames.find((frame) => frame.group === group)?.box ?? this.nodes.get(`g${group}`)?.box ?? null;
  }

  /** Put everything into the document. */
  showAll(): void {
    for (const drawn of this.edges) this.showEdge(drawn, true);
    for (const drawn of this.nodes.values()) this.showNode(drawn, true);
  }

  // -- making -----------------------------------------------------------------------------------------------------------

  private frame(number: number, box: Box): void {
    const group = this.model.doc.graph.groups[number];
    const g = svg('g', { class: `frame ${group.kind}`, 'data-group': number });
    g.append(svg('rect', { x: box.x, y: box.y, width: box.width, height: box.height, rx: 12 }));
    const button = svg('g', {
      class: 'fold', role: 'button', tabindex: 0, 'aria-label': `Collapse ${group.label}`,
      transform: `translate(${box.x + 10} ${box.y + 8})`,
    });
    button.append(
      svg('rect', { width: 20, height: 20, rx: 5 }),
      svg('text', { x: 10, y: 15, 'text-anchor': 'middle' }, '−'),
    );
    this.toggles(button, number);
    g.append(button, svg('text', { class: 'label', x: box.x + 38, y: box.y + 23 }, group.label));
    this.frameLayer.append(g);
  }

  private toggles(element: SVGGElement, number: number): void {
    const act = (event: Event): void => {
      event.preventDefault();
      event.stopPropagation();
      this.onToggle(number);
    };
    element.addEventListener('click', act);
    element.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' || event.key === ' ') act(event);
    });
  }

  private edge(route: Route): EdgeParts {
    const g = svg('g', { class: 'edge' });
    g.append(svg('path', { d: route.path, 'marker-end': 'url(#arrow)' }));
    let back: SVGTextElement | null = null;
    const { label } = route;
    if (label) {
      const x = label.x + label.width / 2;
      if (label.text) g.append(svg('text', { class: 'shape', x, y: label.y + 12, 'text-anchor': 'middle' }, label.text));
      back = svg('text', {
        class: 'sent', x, y: label.y + (label.text ? 28 : 12), 'text-anchor': 'middle',
      });
      g.append(back);
    }
    return { group: g, back };
  }

  private node(item: Item, box: Box): NodeParts {
    const role = item.node ? item.node.role : `group ${this.model.doc.graph.groups[item.group].kind}`;
    const g = svg('g', {
      class: `node ${role}`, id: `n-${item.id}`, 'data-id': item.id, role: 'button',
    });
    const outer = svg('g', { transform: `translate(${box.x} ${box.y})` });
    outer.append(g);
    const { width, height } = box;
    const middle = width / 2;
    const rounding = item.node?.role === 'equation' ? 10 : item.node ? 4 : 12;
    if (!item.node) g.append(svg('rect', { class: 'under', x: 4, y: 4, width, height, rx: rounding }));
    g.append(svg('rect', { class: 'body', width, height, rx: rounding }));
    if (item.node?.role === 'loss' || item.node?.role === 'output')
      g.append(svg('rect', { class: 'inner', x: 4, y: 4, width: width - 8, height: height - 8, rx: 3 }));
    const title = item.node ? item.node.title : `⊞ ${this.model.doc.graph.groups[item.group].label}`;
    g.append(svg('text', { class: 'op', x: middle, y: 23, 'text-anchor': 'middle' }, title));
    let value: SVGTextElement | null = null;
    let back: SVGTextElement | null = null;
    let fixed: string[] = [];
    if (item.node) {
      value = svg('text', { class: 'value', x: middle, y: 23 + LINE, 'text-anchor': 'middle' });
      back = svg('text', { class: 'back', x: middle, y: 23 + 2 * LINE, 'text-anchor': 'middle' });
      g.append(value, back);
      const inner = item.node.equation >= 0 ? insideOf(item.node.equation) : undefined;
      if (inner) outer.append(this.door(item.node.equation, inner.count));
      const pattern = this.pattern(item.node);
      if (pattern) g.append(badge(pattern, width));
    } else {
      fixed = fixedLines(this.model, this.model.doc.graph.groups[item.group]);
      fixed.forEach((line, k) => {
        g.append(svg('text', { class: 'count', x: middle, y: 24 + LINE * (k + 1), 'text-anchor': 'middle' }, line));
      });
      back = svg('text', { class: 'back', x: middle, y: 24 + LINE * (fixed.length + 1), 'text-anchor': 'middle' });
      g.append(back);
      this.toggles(g, item.group);
      g.setAttribute('tabindex', '0');
    }
    return { outer, group: g, value, back, fixed };
  }

  /** The way into a loop, a branch or a call. */
  private door(equation: number, count: number): SVGGElement {
    const text = count > 1 ? `↻ ${count}` : '⊕';
    const width = text.length * 8 + 12;
    const g = svg('g', { class: 'door', role: 'button', tabindex: 0, 'aria-label': `Look inside, ${count} runs` });
    g.append(
      svg('rect', { x: -8, y: -12, width, height: 20, rx: 10 }),
      svg('text', { x: width / 2 - 8, y: 3, 'text-anchor': 'middle' }, text),
    );
    const act = (event: Event): void => {
      event.preventDefault();
      event.stopPropagation();
      enter(equation);
    };
    g.addEventListener('click', act);
    g.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' || event.key === ' ') act(event);
    });
    return g;
  }

  /** The pattern's kind, for the badge: what it does to a gradient. */
  private pattern(node: Node): string {
    if (node.equation < 0) return '';
    const equation = this.model.doc.graph.equations[node.equation];
    const label = equation.pattern?.[0] ?? this.model.doc.primitives[equation.primitive]?.label ?? '';
    return label.startsWith('gradient ') ? label.slice('gradient '.length).split(' ')[0] : '';
  }

  /** Far away, thousands of nodes are one path: nothing else would pan smoothly. */
  private far(): void {
    const kinds = new Map<string, string>();
    for (const { item, box } of this.layout.items) {
      const kind = item.node ? item.node.role : 'group';
      const d = `M${box.x} ${box.y}h${box.width}v${box.height}h${-box.width}z`;
      kinds.set(kind, (kinds.get(kind) ?? '') + d);
    }
    const links = this.layout.routes.map((route) => route.path).join('');
    this.farLayer.append(svg('path', { class: 'links', d: links }));
    for (const [kind, d] of kinds) this.farLayer.append(svg('path', { class: `far-${kind}`, d }));
  }

  // -- changing ---------------------------------------------------------------------------------------------------------

  /** Show the state of a step. */
  update(moment: Moment): void {
    this.moment = moment;
    for (const drawn of this.nodes.values()) if (drawn.shown) this.updateNode(drawn, moment);
    for (const drawn of this.edges) if (drawn.shown) this.updateEdge(drawn, moment);
  }

  private updateNode(drawn: DrawnNode, { mode, step, focus, badges, marked }: Moment): void {
    const { item } = drawn;
    const { group, value: valueText, back: backText } = drawn.parts!;
    const { model } = this;
    group.classList.toggle('focus', focus !== null && this.shownAs.get(focus) === item.id);
    if (!item.node) {
      this.updateGroup(drawn, model.doc.graph.groups[item.group], mode, step);
      group.classList.toggle('marked', [...marked].some((id) => this.shownAs.get(id) === item.id));
      return;
    }
    const { node } = item;
    const value = node.values[0];
    const [name, shape] = model.doc.graph.values[value];
    const n = model.equationNodes.length;
    const output = node.role === 'loss' || node.role === 'output';
    const born = output ? n + 1 : (model.bornAt.get(value) ?? 0);
    const known = step >= born;
    const text = known ? brief(recordOf('primal', value), shape) : '?';
    valueText!.textContent = node.equation >= 0 ? `${name} = ${text}` : text;
    group.classList.toggle('known', known);
    let back = '';
    if (mode === 'forward') {
      if (known) back = dotted(brief(recordOf('tangent', value), shape));
    } else back = this.adjoint(value, shape, step, output);
    backText!.textContent = back;
    group.classList.toggle('pushed', mode === 'forward');
    group.classList.toggle('marked', marked.has(node.id));
    const derivative = back ? recordOf(mode === 'forward' ? 'tangent' : 'adjoint', value) : null;
    group.classList.toggle('bad', (known && broken(recordOf('primal', value))) || broken(derivative));
    group.classList.toggle('plain', !badges);
    const spoken = `${node.equation >= 0 ? `${name} = ${model.doc.graph.equations[node.equation].text}` : `${node.role} ${node.title}`}, value ${known ? text : 'not yet known'}${back ? `, ${mode === 'forward' ? 'tangent' : 'adjoint'} ${back.slice(2)}` : ''}`;
    group.setAttribute('aria-label', spoken);
  }

  /** A collapsed group says what its largest gradient is as soon as all of them are there. */
  private updateGroup({ parts }: DrawnNode, own: Group, mode: Mode, step: number): void {
    const { model } = this;
    const last = mode === 'reverse' ? 2 * model.equationNodes.length + 1 - own.first : own.last + 1;
    const line = step >= last ? gradientLine(model, own, mode) : '';
    const { group, back, fixed } = parts!;
    group.classList.toggle('done', step > own.last);
    group.classList.toggle('pushed', mode === 'forward');
    const said = `Group ${[own.label, ...fixed, line].filter(Boolean).join(', ')}, collapsed`;
    if (group.getAttribute('aria-label') === said) return; // nothing to draw again
    back!.textContent = line;
    group.setAttribute('aria-label', said);
  }

  private adjoint(value: number, shape: number[], step: number, output: boolean): string {
    const arrivals = this.model.arrivals.get(value) ?? [];
    const arrived = arrivals.filter((arrival) => arrival.step <= step);
    const n = this.model.equationNodes.length;
    if (output) {
      if (step <= n) return '';
      const seed = arrivals.find((arrival) => arrival.equation < 0);
      return seed ? barred(brief(sentRecord(-1, seed.sent[0], seed.sent[3]), shape)) : '';
    }
    if (!arrived.length) return step >= (this.model.completeAt.get(value) ?? Infinity) ? zero(value) : '';
    if (arrived.length === arrivals.length) return barred(brief(recordOf('adjoint', value), shape));
    if (arrived.length === 1) {
      const { equation, sent } = arrived[0];
      return `${barred(brief(sentRecord(equation, sent[0], sent[3]), shape))} + …`;
    }
    return `∂ ${arrived.length} of ${arrivals.length} arrived`;
  }

  private updateEdge(drawn: DrawnEdge, { mode, step }: Moment): void {
    const { route } = drawn;
    const { group, back } = drawn.parts!;
    const { model } = this;
    const edge = route.link.edges[0];
    const target = model.byId.get(edge.to)!;
    const here = model.steps[mode][step];
    const forward = here?.node?.id === edge.to && here.phase !== 'backward' && here.phase !== 'seed';
    let sent = '';
    let backward = false;
    if (mode === 'reverse' && back && target.equation >= 0 && route.link.edges.length === 1) {
      const at = model.stepOf(target, 'reverse', true);
      const found = step >= at ? model.doc.sweeps.sends[target.equation].find((s) => s[0] === edge.position) : undefined;
      if (found) {
        const shape = model.doc.graph.values[edge.value][1];
        sent = `← ${brief(sentRecord(target.equation, edge.position, found[3]), shape, 3)}`;
        backward = step === at;
      }
    }
    if (back) back.textContent = sent;
    group.classList.toggle('active', forward);
    group.classList.toggle('activeback', backward);
  }

  /** Draw hulls around sets of nodes: the equations of one compiled kernel each. */
  hulls(sets: { label: string; ids: string[] }[]): void {
    this.hullLayer.replaceChildren();
    sets.forEach(({ label, ids }, k) => {
      const boxes = [...new Set(ids.map((id) => this.shownAs.get(id)))].flatMap((id) => {
        const drawn = id ? this.nodes.get(id) : undefined;
        return drawn ? [drawn.box] : [];
      });
      if (!boxes.length) return;
      const g = svg('g', { class: `hull hue${k % 6}` });
      const area = svg('g', { class: 'area' });
      area.append(svg('path', { d: boxes.map((b) => hullRect(b, 13)).join('') }));
      const own = new Set(ids.map((id) => this.shownAs.get(id)));
      const inner = this.layout.routes.filter((r) => own.has(r.link.from) && own.has(r.link.to));
      area.append(svg('path', { class: 'bridge', d: inner.map((r) => r.path).join('') }));
      g.append(area);
      const top = boxes.reduce((a, b) => (b.y < a.y ? b : a));
      g.append(svg('text', { x: top.x - 8, y: top.y - 18 }, label));
      this.hullLayer.append(g);
    });
  }

  /** Take out what lies outside of the window, and details that are too small to read. */
  cull(window: Box, scale: number): void {
    const far = scale < 0.18 && this.nodes.size > MOST_AT_ONCE;
    this.root.classList.toggle('is-far', far);
    this.root.classList.toggle('is-small', scale < 0.45);
    if (this.nodes.size <= MOST_AT_ONCE) return;
    for (const drawn of this.edges) this.showEdge(drawn, !far && overlaps(drawn.box, window));
    for (const drawn of this.nodes.values()) this.showNode(drawn, !far && overlaps(drawn.box, window));
  }

  private showEdge(drawn: DrawnEdge, on: boolean): void {
    if (drawn.shown === on) return;
    drawn.shown = on;
    if (!on) {
      drawn.parts!.group.remove();
      return;
    }
    drawn.parts ??= this.edge(drawn.route);
    this.edgeLayer.append(drawn.parts.group);
    if (this.moment) this.updateEdge(drawn, this.moment);
  }

  private showNode(drawn: DrawnNode, on: boolean): void {
    if (drawn.shown === on) return;
    drawn.shown = on;
    if (!on) {
      drawn.parts!.outer.remove();
      return;
    }
    drawn.parts ??= this.node(drawn.item, drawn.box);
    this.nodeLayer.append(drawn.parts.outer);
    if (this.moment) this.updateNode(drawn, this.moment);
  }
}

function badge(text: string, width: number): SVGGElement {
  const g = svg('g', { class: `badge ${text}`, 'aria-hidden': 'true' });
  const long = text.length * 6.4 + 14;
  g.append(
    svg('rect', { x: width - long + 6, y: -11, width: long, height: 17, rx: 8.5 }),
    svg('text', { x: width - long / 2 + 6, y: 1.5, 'text-anchor': 'middle' }, text),
  );
  return g;
}

function hullRect(box: Box, pad: number): string {
  const [x, y, w, h] = [box.x - pad, box.y - pad, box.width + 2 * pad, box.height + 2 * pad];
  const r = 16;
  return `M${x + r} ${y}h${w - 2 * r}q${r} 0 ${r} ${r}v${h - 2 * r}q0 ${r} ${-r} ${r}h${-(w - 2 * r)}q${-r} 0 ${-r} ${-r}v${-(h - 2 * r)}q0 ${-r} ${r} ${-r}z`;
}

function overlaps(a: Box, b: Box): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width + 1 && a.y < b.y + b.height && b.y < a.y + a.height + 1;
}

function barred(text: string): string {
  return text === '–' ? '' : `∂ ${text}`;
}

function dotted(text: string): string {
  return text === '–' ? '' : `· ${text}`;
}

function zero(value: number): string {
  return recordOf('adjoint', value) ? '∂ 0' : '';
}

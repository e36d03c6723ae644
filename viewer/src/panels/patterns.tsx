/** What each operation does with the gradient that comes back: distributor, router, switcher ... */
import type { Model } from '../model';
import { badges, model, picked } from '../state';
import { reveal } from '../graph/view';

interface Pattern {
  label: string;
  explanation: string;
}

export function patternOf(m: Model, equation: number): Pattern {
  const e = m.doc.graph.equations[equation];
  const said = m.doc.primitives[e.primitive];
  return { label: e.pattern?.[0] ?? said.label, explanation: e.pattern?.[1] ?? said.explanation };
}

export function PatternBadge({ m, equation, explain }: { m: Model; equation: number; explain?: boolean }) {
  const { label, explanation } = patternOf(m, equation);
  const primitive = m.doc.graph.equations[equation].primitive;
  return (
    <p class="pattern">
      <span class={`chip ${label.replace('gradient ', '').split(' ')[0]}`}>{label}</span>
      {explain && <span> <code>{primitive}</code> {explanation}.</span>}
    </p>
  );
}

const MOST = 60;

export function PatternsPanel() {
  const m = model.value;
  if (!m) return null;
  const byLabel = new Map<string, { explanation: string; primitives: Set<string>; equations: number[] }>();
  m.doc.graph.equations.forEach((e, k) => {
    if (!m.doc.sweeps.sends[k].length) return;
    const { label, explanation } = patternOf(m, k);
    const entry = byLabel.get(label) ?? { explanation, primitives: new Set<string>(), equations: [] };
    entry.primitives.add(e.primitive);
    entry.equations.push(k);
    byLabel.set(label, entry);
  });
  const branches = [...m.branches];
  return (
    <div>
      <h2>Patterns of the backward pass</h2>
      <p>Each operation treats the gradient that comes back to it in a way of its own.</p>
      <label class="check"><input type="checkbox" checked={badges.value} onChange={(e) => (badges.value = e.currentTarget.checked)} /> badges on the graph</label>
      {[...byLabel].map(([label, { explanation, primitives, equations }]) => (
        <section key={label} class="card">
          <h3><span class={`chip ${label.replace('gradient ', '').split(' ')[0]}`}>{label}</span> <code>{[...primitives].join(', ')}</code></h3>
          <p>It {explanation}.</p>
          <p class="row">{equations.slice(0, MOST).map((k) => (
            <button key={k} type="button" class="plain" onClick={() => { reveal(`e${k}`); picked.value = `e${k}`; }}>
              {m.doc.graph.values[m.doc.graph.equations[k].outputs[0]][0]}
            </button>
          ))}{equations.length > MOST && <span class="quiet">and {equations.length - MOST} more</span>}</p>
        </section>
      ))}
      {branches.length > 0 && (
        <section class="card">
          <h3><span class="chip branch">gradient adder</span> <code>copy</code></h3>
          <p>A value that is used several times is copied; the contributions of all its uses add up on the way back.</p>
          <p class="row">{branches.slice(0, MOST).map((i) => {
            const maker = m.makers.get(i);
            return maker && <button key={i} type="button" class="plain" onClick={() => { reveal(maker.id); picked.value = maker.id; }}>{m.doc.graph.values[i][0]}</button>;
          })}</p>
        </section>
      )}
    </div>
  );
}

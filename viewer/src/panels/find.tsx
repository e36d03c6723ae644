/** Finding equations: by name, by what is wrong with their values, by the size of their gradients. */
import { useMemo, useState } from 'preact/hooks';
import type { DataRecord } from '../document';
import { broken, firstBad } from '../bad';
import type { Model } from '../model';
import { doc, live, marked, model, picked, recordOf } from '../state';
import { brief, bytes, num, seconds, short, statsOf } from '../text/numbers';
import { kernelOf } from '../graph/summary';
import { reveal } from '../graph/view';

const MOST = 80;

type Filter = 'all' | 'broken' | 'brokenback' | 'largest' | 'zero' | 'slowest';

const FILTERS: [Filter, string][] = [
  ['all', 'all'], ['broken', 'NaN or ∞ in values'], ['brokenback', 'NaN or ∞ in gradients'], ['largest', 'largest gradients'],
  ['zero', 'gradients that are all 0'],
];
const COMPILED: [Filter, string] = ['slowest', 'slowest when compiled'];

function norm(record: DataRecord | null): number {
  return record ? num(statsOf(record).norm) : NaN;
}

export function FindPanel() {
  const m = model.value;
  const [text, setText] = useState('');
  const [filter, setFilter] = useState<Filter>('all');
  const changed = live.value;
  const found = useMemo(() => (m ? search(m, text, filter) : []), [m, text, filter, changed]);
  const bad = firstBad.value;
  if (!m || !bad) return null;
  const show = (k: number): void => {
    reveal(`e${k}`);
    picked.value = `e${k}`;
  };
  return (
    <div class="find">
      <h2>Find</h2>
      <label class="field">Name, operation or source text
        <input type="search" id="search" value={text} onInput={(e) => setText(e.currentTarget.value)} />
      </label>
      <p class="row" role="group" aria-label="Filter">
        {[...FILTERS, ...(m.doc.compiled ? [COMPILED] : [])].map(([id, label]) => <button key={id} type="button" class="plain" aria-pressed={filter === id} onClick={() => setFilter(id)}>{label}</button>)}
      </p>
      {(bad.forward !== null || bad.backward !== null) && (
        <section class="card alarm">
          <h3>The first bad equation</h3>
          {bad.forward !== null && <Bad m={m} k={bad.forward} onShow={show}>of the forward pass: its result is not finite, all before it are</Bad>}
          {bad.backward !== null && <Bad m={m} k={bad.backward} onShow={show}>of the backward pass: a finite adjoint comes in, what it hands on is not</Bad>}
        </section>
      )}
      <p class="row">
        <span>{found.length} equation{found.length === 1 ? '' : 's'}</span>
        <button type="button" class="plain" onClick={() => (marked.value = new Set(found.map((k) => `e${k}`)))} disabled={!found.length}>Mark them</button>
        {marked.value.size > 0 && <button type="button" class="plain" onClick={() => (marked.value = new Set())}>Clear marks</button>}
      </p>
      <table class="results">
        <thead><tr><th>equation</th><th class="num">value</th><th class="num">‖adjoint‖</th>{m.doc.compiled && <th class="num">kernel</th>}</tr></thead>
        <tbody>
          {found.slice(0, MOST).map((k) => {
            const e = m.doc.graph.equations[k];
            const [name, shape] = m.doc.graph.values[e.outputs[0]];
            const value = recordOf('primal', e.outputs[0]);
            const adjoint = recordOf('adjoint', e.outputs[0]);
            return (
              <tr key={k} onClick={() => show(k)} tabIndex={0} onKeyDown={(event) => event.key === 'Enter' && show(k)} class={broken(value) || broken(adjoint) ? 'bad' : ''}>
                <td class="mono">{name} = {e.text}</td><td class="num v">{brief(value, shape, 3)}</td><td class="num a">{adjoint ? short(norm(adjoint), 3) : '–'}</td>
                {m.doc.compiled && <td class="num">{kernelCell(m, k)}</td>}
              </tr>
            );
          })}
        </tbody>
      </table>
      {found.length > MOST && <p class="quiet">and {found.length - MOST} more</p>}
      <Layers m={m} />
    </div>
  );
}

/** Time and traffic of the kernel that computes an equation; several equations share one. */
function kernelCell(m: Model, k: number): string {
  const kernel = kernelOf(m.doc, k);
  if (!kernel) return '–';
  const made = m.doc.compiled!.steps[kernel.number];
  return `${kernel.number + 1}: ${seconds(made.seconds)}, ${bytes(made.bytes)}`;
}

function Bad({ m, k, onShow, children }: { m: Model; k: number; onShow: (k: number) => void; children: string }) {
  const e = m.doc.graph.equations[k];
  const place = e.at && m.doc.sources[e.at[0]];
  return (
    <p>
      <button type="button" onClick={() => onShow(k)}>{m.doc.graph.values[e.outputs[0]][0]} = {e.text}</button> {children}
      {place && e.at && <> (<code>{place.file}:{e.at[1]}</code>)</>}.
    </p>
  );
}

function search(m: Model, text: string, filter: Filter): number[] {
  const { graph, sources } = m.doc;
  const wanted = text.trim().toLowerCase();
  let found = graph.equations.map((_, k) => k);
  if (wanted)
    found = found.filter((k) => {
      const e = graph.equations[k];
      const line = e.at ? (sources[e.at[0]].lines[e.at[1] - sources[e.at[0]].first] ?? '') : '';
      return `${e.outputs.map((i) => graph.values[i][0]).join(' ')} ${e.text} ${e.primitive} ${line}`.toLowerCase().includes(wanted);
    });
  const outs = (k: number): number[] => graph.equations[k].outputs;
  if (filter === 'broken') return found.filter((k) => outs(k).some((i) => broken(recordOf('primal', i))));
  if (filter === 'brokenback') return found.filter((k) => outs(k).some((i) => broken(recordOf('adjoint', i))));
  if (filter === 'zero') return found.filter((k) => m.doc.sweeps.sends[k].length > 0 && outs(k).every((i) => norm(recordOf('adjoint', i)) === 0));
  if (filter === 'slowest') {
    const took = new Map<number, number>();
    for (const made of m.doc.compiled?.steps ?? []) for (const k of made.equations) took.set(k, made.seconds ?? 0);
    return found.filter((k) => took.has(k)).sort((a, b) => took.get(b)! - took.get(a)! || a - b);
  }
  if (filter === 'largest') {
    const size = new Map(found.map((k) => [k, norm(recordOf('adjoint', outs(k)[0]))]));
    return found.filter((k) => !Number.isNaN(size.get(k)!)).sort((a, b) => size.get(b)! - size.get(a)!);
  }
  return found;
}

const SMALL = 1e-3;
const LARGE = 1e3;

/** Norms of the gradients layer by layer: do they vanish or explode on the way back? */
function Layers({ m }: { m: Model }) {
  const groups = m.doc.graph.groups.filter((g) => g.kind === 'layer');
  if (groups.length < 2 || !doc.value) return null;
  const rows = groups.map((g) => ({ label: g.label, norm: norm(recordOf('adjoint', m.doc.graph.equations[g.last].outputs[0])) }));
  const last = rows.at(-1)!.norm;
  const top = Math.max(...rows.map((r) => r.norm).filter(Number.isFinite), 0);
  const verdict = (ratio: number): string => (ratio < SMALL ? 'vanishing' : ratio > LARGE ? 'exploding' : '');
  return (
    <section>
      <h3>Gradients, layer by layer</h3>
      {rows.map((r) => {
        const word = verdict(r.norm / last);
        return (
          <div class="bar" key={r.label}>
            <span>{r.label}</span>
            <div class="track"><div class="reverse" style={{ width: `${top ? Math.max(0.5, (r.norm / top) * 100) : 0}%` }} /></div>
            <span class={`num ${word ? 'alarm' : ''}`}>{short(r.norm, 3)} {word}</span>
          </div>
        );
      })}
      <p class="quiet">Norm of the gradient that comes in at the end of each layer; vanishing or exploding: a thousandth, or a thousand times, of the last one.</p>
    </section>
  );
}

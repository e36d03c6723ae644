/** Shapes of derivatives, and the Jacobian as a picture that a sweep of either mode fills in. */
import { useEffect, useState } from 'preact/hooks';
import type { Jacobian, ShapeEntry } from '../document';
import { doc } from '../state';
import { Scroll } from '../text/Scroll';
import { Tex } from '../text/Tex';
import { isDark, tint } from '../text/arrays';
import { num, short } from '../text/numbers';
import { Omitted } from './omitted';

const MOST_NUMBERS = 64;

export function JacobianPanel() {
  const d = doc.value;
  if (!d) return null;
  return (
    <div>
      {d.jacobian ? <Picture j={d.jacobian} chosen={d.reports.costs?.jacobian.chosen ?? 'reverse'} /> : <Omitted what="jacobian" title="The Jacobian" />}
      {d.reports.shapes && <Shapes entries={d.reports.shapes.derivatives} />}
    </div>
  );
}

function Shapes({ entries }: { entries: ShapeEntry[] }) {
  return (
    <>
      <h2>Shapes of derivatives</h2>
      <p>
        In numerator layout the axes of the result come first; <code>wg.jacobian</code> gives it. In denominator layout those of the
        input come first; a gradient then has the shape of its input, as <code>wg.grad</code> gives it. A tensor is no special case:
        flatten, differentiate, put the axes back.
      </p>
      <Scroll name="shapes of derivatives">
        <table>
          <thead><tr><th>result</th><th>by</th><th>is a</th><th>numerator</th><th>denominator</th><th>flattened</th></tr></thead>
          <tbody>
            {entries.slice(0, 60).map((e) => (
              <tr key={`${e.output}/${e.input}`}>
                <td>{e.output} <S of={e.output_shape} /></td><td>{e.input} <S of={e.input_shape} /></td><td>{e.name}</td>
                <td><S of={e.numerator_layout} /></td><td><S of={e.denominator_layout} /></td><td class="num">{e.flattened.join(' × ')}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </>
  );
}

function S({ of }: { of: number[] }) {
  return <span class="mono quiet">({of.join(', ')}{of.length === 1 ? ',' : ''})</span>;
}

function labels(blocks: [string, number][]): string[] {
  return blocks.flatMap(([name, size]) => (size === 1 ? [name] : Array.from({ length: size }, (_, k) => `${name}[${k}]`)));
}

function Picture({ j, chosen }: { j: Jacobian; chosen: string }) {
  const rows = labels(j.rows);
  const columns = labels(j.columns);
  const [way, setWay] = useState<'forward' | 'reverse'>(chosen === 'forward' ? 'forward' : 'reverse');
  const total = way === 'forward' ? columns.length : rows.length;
  const [done, setDone] = useState(total);
  const [running, setRunning] = useState(false);
  useEffect(() => {
    if (!running) return;
    if (done >= total) {
      setRunning(false);
      return;
    }
    const timer = setTimeout(() => setDone(done + 1), Math.max(40, 1200 / total));
    return () => clearTimeout(timer);
  }, [running, done, total]);
  const choose = (to: 'forward' | 'reverse'): void => {
    setWay(to);
    setDone(0);
    setRunning(true);
  };
  const top = Math.max(...j.v.flat().map((x) => Math.abs(num(x))).filter(Number.isFinite), 0);
  const cell = Math.max(4, Math.min(54, 380 / columns.length, 300 / rows.length));
  const text = rows.length * columns.length <= MOST_NUMBERS && cell >= 34;
  const left = text || cell >= 12 ? 78 : 6;
  const above = 26;
  const known = (r: number, c: number): boolean => (way === 'forward' ? c < done : r < done);
  const heading = way === 'forward' ? 'A forward sweep fills in a column' : 'A reverse sweep fills in a row';
  return (
    <section class="jacobian">
      <h2>The Jacobian <span class="count">{rows.length} × {columns.length}</span></h2>
      <p class="row" role="group" aria-label="Fill the Jacobian in by">
        <button type="button" aria-pressed={way === 'forward'} onClick={() => choose('forward')}>Forward: {columns.length} sweep{columns.length === 1 ? '' : 's'}</button>
        <button type="button" aria-pressed={way === 'reverse'} onClick={() => choose('reverse')}>Reverse: {rows.length} sweep{rows.length === 1 ? '' : 's'}</button>
        <button type="button" class="plain" onClick={() => { setRunning(false); setDone(done >= total ? 1 : done + 1); }}>One sweep</button>
      </p>
      <p>{heading}: {done} of {total} done.</p>
      <Scroll name="the Jacobian">
        <svg class="matrix" width={left + cell * columns.length + 8} height={above + cell * rows.length + 8} role="img"
          aria-label={`Jacobian, ${rows.length} rows by ${columns.length} columns`}>
          {cell >= 20 && columns.map((name, c) => <text key={`c${c}`} class="head" x={left + (c + 0.5) * cell} y={above - 8} text-anchor="middle">{clip(name, cell)}</text>)}
          {cell >= 12 && rows.map((name, r) => <text key={`r${r}`} class="head" x={left - 7} y={above + (r + 0.5) * cell + 4} text-anchor="end">{clip(name, 72)}</text>)}
          {j.v.map((row, r) => row.map((x, c) => {
            const colour = tint(num(x), top, isDark());
            const on = known(r, c);
            return (
              <g key={`${r}.${c}`} class={on ? 'on' : 'off'}>
                <rect x={left + c * cell} y={above + r * cell} width={cell - (cell > 8 ? 1.5 : 0)} height={cell - (cell > 8 ? 1.5 : 0)} style={on ? { fill: colour.css } : {}} />
                {text && on && <text class="entry" style={{ fill: colour.ink }} x={left + (c + 0.5) * cell} y={above + (r + 0.5) * cell + 4} text-anchor="middle">{short(x, 3)}</text>}
              </g>
            );
          }))}
          {done > 0 && done <= total && total > 1 && (way === 'forward'
            ? <rect class="sweep" x={left + (done - 1) * cell} y={above} width={cell} height={cell * rows.length} />
            : <rect class="sweep" x={left} y={above + (done - 1) * cell} width={cell * columns.length} height={cell} />)}
        </svg>
      </Scroll>
      <Tex block text={way === 'forward' ? 'J\\,e_k = \\text{column } k' : 'e_k^{\\top} J = \\text{row } k'} />
    </section>
  );
}

function clip(text: string, room: number): string {
  const most = Math.max(2, Math.floor(room / 7.5));
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

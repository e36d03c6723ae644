/** The linearised graph beside its transpose, moving through both in step. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { doc } from '../state';
import { DualGraphs } from './dualgraph';
import { Scroll } from '../text/Scroll';
import { Tex } from '../text/Tex';
import { formulaTex } from '../text/tex';
import { Omitted } from './omitted';

const WINDOW = 160;

/** `a = b` as LaTeX. */
function equationTex(text: string): string {
  const at = text.indexOf(' = ');
  return at < 0 ? formulaTex(text) : `${formulaTex(text.slice(0, at))} = ${formulaTex(text.slice(at + 3))}`;
}

export function DualityPanel() {
  const duality = doc.value?.reports.duality;
  const [at, setAt] = useState(0);
  const [back, setBack] = useState(false);
  const here = useRef<HTMLTableRowElement>(null);
  useEffect(() => setAt(0), [duality]);
  useEffect(() => here.current?.scrollIntoView({ block: 'nearest' }), [at]);
  if (!duality) return <Omitted what="duality" title="Duality" />;
  const { pairs, kinds } = duality;
  if (!pairs.length) return <div><h2>Duality</h2><p>The result does not depend on the inputs.</p></div>;
  const here2 = Math.min(at, pairs.length - 1);
  const move = (by: number): void => setAt(Math.max(0, Math.min(pairs.length - 1, here2 + by)));
  const first = Math.max(0, Math.min(pairs.length - WINDOW, here2 - WINDOW / 2));
  return (
    <div class="duality">
      <h2>The linearised program beside its transpose</h2>
      <p>
        At a point, the derivative of a program is a linear program. Forward mode runs it from top to bottom; reverse mode runs its
        transpose from bottom to top. What copies on one side adds on the other; what sums copies; a matrix becomes its transpose.
      </p>
      <p class="row">
        <button type="button" aria-label="Previous pair" onClick={() => move(back ? 1 : -1)}>◀</button>
        <button type="button" aria-label="Next pair" onClick={() => move(back ? -1 : 1)}>▶</button>
        <button type="button" class="plain" aria-pressed={back} onClick={() => { setBack(!back); setAt(back ? 0 : pairs.length - 1); }}>
          {back ? 'backward: bottom to top' : 'forward: top to bottom'}
        </button>
      </p>
      <DualGraphs pairs={pairs} at={here2} back={back} onPick={setAt} />
      <Scroll name="pairs of equations">
        <table class="pairs">
          <thead><tr><th>↓ forward</th><th>dual</th><th>backward ↑</th></tr></thead>
          <tbody>
            {pairs.slice(first, first + WINDOW).map((pair, n) => {
              const k = first + n;
              return (
                <tr key={k} class={k === here2 ? 'now' : ''} ref={k === here2 ? here : undefined} onClick={() => setAt(k)}>
                  <td class="t"><Tex text={equationTex(pair.linear)} /></td>
                  <td class="dual">{pair.primitive} ↔ {pair.dual}</td>
                  <td class="a">{pair.transpose.map((text, i) => <div key={i}><Tex text={equationTex(text)} /></div>)}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </Scroll>
      <h3>Dual pairs</h3>
      <table>
        <thead><tr><th>forward</th><th>backward</th><th class="num">times</th></tr></thead>
        <tbody>{kinds.map((k) => <tr key={`${k.forward}/${k.backward}`}><td>{k.forward}</td><td>{k.backward}</td><td class="num">{k.count}</td></tr>)}</tbody>
      </table>
    </div>
  );
}

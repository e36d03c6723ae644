/** The full table of the pass, step by step; the current step is marked. */
import { useEffect, useRef } from 'preact/hooks';
import type { Model } from '../model';
import { go, mode, model, recordOf, sentRecord, step } from '../state';
import { Tex } from '../text/Tex';
import { brief } from '../text/numbers';
import { formulaTex, nameTex } from '../text/tex';

const WINDOW = 120;

export function TablePanel() {
  const m = model.value;
  const here = useRef<HTMLTableRowElement>(null);
  useEffect(() => {
    const row = here.current;
    const box = row?.closest('.panelbody');
    if (row && box) {
      const top = row.offsetTop - box.clientHeight / 2;
      box.scrollTo({ top: Math.max(0, top) });
    }
  }, [step.value, mode.value]);
  if (!m) return null;
  return mode.value === 'forward' ? <Forward m={m} here={here} /> : <Reverse m={m} here={here} />;
}

type Here = { current: HTMLTableRowElement | null };

/** Long tables show the rows around the current step. */
function around(count: number, at: number): [number, number] {
  if (count <= 2 * WINDOW) return [0, count];
  const first = Math.max(0, Math.min(count - WINDOW, at - WINDOW / 2));
  return [first, first + WINDOW];
}

function Forward({ m, here }: { m: Model; here: Here }) {
  const { graph, sweeps } = m.doc;
  const [first, last] = around(graph.equations.length, step.value);
  return (
    <>
      <h2>Forward mode: primal and tangent</h2>
      <table class="steps">
        <thead><tr><th>primal</th><th class="num">value</th><th>tangent</th><th class="num">value</th></tr></thead>
        <tbody>
          {graph.inputs.filter((i) => i.role !== 'constant').map(({ value }) => {
            const [name, shape] = graph.values[value];
            return (
              <tr key={`i${value}`} class={step.value === 0 ? 'now' : ''} onClick={() => go(0)}>
                <td><Tex text={nameTex(name)} /></td><td class="num v">{brief(recordOf('primal', value), shape)}</td>
                <td><Tex text={nameTex(`${name}_dot`)} /></td><td class="num t">{brief(recordOf('tangent', value), shape)}</td>
              </tr>
            );
          })}
          {graph.equations.slice(first, last).map((equation, n) => {
            const k = first + n;
            const value = equation.outputs[0];
            const [name, shape] = graph.values[value];
            const known = step.value > k;
            const now = step.value === k + 1;
            return (
              <tr key={k} class={now ? 'now' : known ? '' : 'later'} ref={now ? here : undefined} onClick={() => go(k + 1)}>
                <td><Tex text={`${nameTex(name)} = ${formulaTex(equation.text)}`} /></td>
                <td class="num v">{known ? brief(recordOf('primal', value), shape) : ''}</td>
                <td>{sweeps.tangent_text[value] && <Tex text={`${nameTex(`${name}_dot`)} = ${formulaTex(sweeps.tangent_text[value])}`} />}</td>
                <td class="num t">{known ? brief(recordOf('tangent', value), shape) : ''}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </>
  );
}

function Reverse({ m, here }: { m: Model; here: Here }) {
  const { graph, sweeps } = m.doc;
  const n = graph.equations.length;
  const backward = step.value > n;
  const position = backward ? 2 * n + 1 - step.value : step.value - 1;
  const [first, last] = around(n, position);
  const shown = graph.equations.slice(first, last).map((equation, k) => ({ equation, k: first + k }));
  return (
    <>
      <h2>Forward sweep</h2>
      <table class="steps">
        <thead><tr><th>equation</th><th class="num">value</th></tr></thead>
        <tbody>
          {graph.inputs.filter((i) => i.role !== 'constant').map(({ value }) => {
            const [name, shape] = graph.values[value];
            return (
              <tr key={`i${value}`} class={step.value === 0 ? 'now' : ''} onClick={() => go(0)}>
                <td><Tex text={nameTex(name)} /></td><td class="num v">{brief(recordOf('primal', value), shape)}</td>
              </tr>
            );
          })}
          {shown.map(({ equation, k }) => {
            const value = equation.outputs[0];
            const [name, shape] = graph.values[value];
            const now = step.value === k + 1;
            return (
              <tr key={k} class={now ? 'now' : step.value > k ? '' : 'later'} ref={now ? here : undefined} onClick={() => go(k + 1)}>
                <td><Tex text={`${nameTex(name)} = ${formulaTex(equation.text)}`} /></td>
                <td class="num v">{step.value > k ? brief(recordOf('primal', value), shape) : ''}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
      <h2>Backward sweep, last equation first</h2>
      <table class="steps">
        <thead><tr><th>equation</th><th class="num">adjoint</th><th>hands on</th><th class="num">contribution</th></tr></thead>
        <tbody>
          {[...shown].reverse().map(({ equation, k }) => {
            const value = equation.outputs[0];
            const [name, shape] = graph.values[value];
            const at = 2 * n + 1 - k;
            const now = step.value === at;
            const known = step.value >= at;
            const sends = sweeps.sends[k];
            const rows = Math.max(1, sends.length);
            return Array.from({ length: rows }, (_, r) => {
              const sent = sends[r];
              const to = sent && graph.values[sent[1]];
              return (
                <tr key={`${k}.${r}`} class={`${now ? 'now' : known ? '' : 'later'} ${r ? 'more' : ''}`} ref={now && r === 0 ? here : undefined} onClick={() => go(at)}>
                  <td>{r === 0 && <Tex text={`${nameTex(name)} = ${formulaTex(equation.text)}`} />}</td>
                  <td class="num a">{r === 0 && known ? brief(recordOf('adjoint', value), shape) : ''}</td>
                  <td>{sent && <Tex text={`${nameTex(`${to![0]}_bar`)} \\mathrel{${m.branches.has(sent[1]) ? '{+}{=}' : '='}} ${formulaTex(sent[2])}`} />}</td>
                  <td class="num a">{sent && known ? brief(sentRecord(k, sent[0], sent[3]), to![1]) : ''}</td>
                </tr>
              );
            });
          })}
        </tbody>
      </table>
      <h2>Gradients</h2>
      <table class="steps">
        <thead><tr><th>input</th><th class="num">value</th><th class="num">gradient</th></tr></thead>
        <tbody>
          {graph.inputs.filter((i) => i.active).map(({ value }) => {
            const [name, shape] = graph.values[value];
            const done = step.value >= 2 * n + 1;
            return (
              <tr key={value} class={done ? '' : 'later'} onClick={() => go(2 * n + 2)}>
                <td><Tex text={nameTex(name)} /></td><td class="num v">{brief(recordOf('primal', value), shape)}</td>
                <td class="num a">{done ? brief(recordOf('adjoint', value), shape) : ''}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </>
  );
}

/** The user's source beside the graph: the line of the current equation is marked, a click goes to a line's equations. */
import { computed } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { doc, focus, go, hovered, mode, model, step } from './state';
import { reveal } from './graph/view';

/** Block and line -> equations that come from it. */
const places = computed(() => {
  const found = new Map<string, number[]>();
  doc.value?.graph.equations.forEach((e, k) => {
    if (!e.at) return;
    const key = `${e.at[0]}:${e.at[1]}`;
    const known = found.get(key);
    if (known) known.push(k);
    else found.set(key, [k]);
  });
  return found;
});

export function SourceView() {
  const d = doc.value;
  const m = model.value;
  const here = useRef<HTMLLIElement>(null);
  const at = focus.value && focus.value.equation >= 0 && d ? d.graph.equations[focus.value.equation].at : null;
  const over = hovered.value && m ? m.byId.get(hovered.value) : undefined;
  const overAt = over && over.equation >= 0 && d ? d.graph.equations[over.equation].at : null;
  useEffect(() => here.current?.scrollIntoView({ block: 'nearest' }), [at?.[0], at?.[1]]);
  if (!d || !m) return null;
  const jump = (equations: number[]): void => {
    const backward = mode.value === 'reverse' && step.value > m.equationNodes.length;
    const sorted = backward ? [...equations].reverse() : equations;
    const node = m.equationNodes[sorted[0]];
    reveal(node.id);
    go(m.stepOf(node, mode.value, backward));
  };
  const blocks = d.sources.map((source, b) => ({ source, b })).filter(({ source }) => source.lines.length > 0);
  if (!blocks.length) return null;
  return (
    <aside class="source" aria-label="Source">
      {blocks.map(({ source, b }) => (
        <section key={b}>
          <h2>{source.file}<span class="quiet"> {source.function}</span></h2>
          <ol start={source.first}>
            {source.lines.map((line, n) => {
              const number = source.first + n;
              const equations = places.value.get(`${b}:${number}`);
              const now = at?.[0] === b && at[1] === number;
              const hover = overAt?.[0] === b && overAt[1] === number;
              return (
                <li key={n} class={`${now ? 'now' : ''} ${hover ? 'hover' : ''} ${equations ? 'has' : ''}`} ref={now ? here : undefined} aria-current={now ? 'step' : undefined}>
                  <span class="no">{number}</span>
                  {equations
                    ? <button type="button" onClick={() => jump(equations)} aria-label={`Line ${number}: ${line.trim()}; ${equations.length} equations`}>{line || ' '}</button>
                    : <span class="text">{line || ' '}</span>}
                </li>
              );
            })}
          </ol>
        </section>
      ))}
    </aside>
  );
}

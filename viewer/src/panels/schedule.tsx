/** The graph in words: inputs told apart, the result, the schedule, cycles. */
import { go, model, step } from '../state';
import { Tex } from '../text/Tex';
import { shapeText } from '../text/numbers';
import { formulaTex, nameTex } from '../text/tex';

const WINDOW = 200;

export function SchedulePanel() {
  const m = model.value;
  if (!m) return null;
  const { graph, reports } = m.doc;
  const first = Math.max(0, Math.min(graph.equations.length - WINDOW, step.value - WINDOW / 2));
  const level = new Map<number, number>(graph.inputs.map((i) => [i.value, 0]));
  graph.equations.forEach((e) => {
    const depth = 1 + Math.max(0, ...e.inputs.map((i) => level.get(i) ?? 0));
    e.outputs.forEach((i) => level.set(i, depth));
  });
  return (
    <div>
      <h2>The computation graph</h2>
      <p>
        {graph.inputs.length} inputs, {graph.equations.length} equations, {m.edges.length} directed edges. There is no directed
        cycle: an equation reads only values made before it, and the library's verifier has checked that.
        {reports.graph && <> Undirected cycles: {reports.graph.undirected_cycles}; they are fine, paths that part and meet again.</>}
      </p>
      <table>
        <thead><tr><th>input</th><th>role</th><th>shape</th><th>dtype</th></tr></thead>
        <tbody>
          {graph.inputs.slice(0, 60).map((input) => {
            const [name, shape, dtype] = graph.values[input.value];
            return <tr key={input.value}><td><Tex text={nameTex(name)} /></td><td><span class={`role ${input.role}`}>{input.role}</span></td><td>{shapeText(shape)}</td><td>{dtype}</td></tr>;
          })}
          {graph.outputs.map((output, k) => {
            const [name, shape, dtype] = graph.values[output.value];
            return <tr key={`o${k}`}><td>{output.name} = <Tex text={nameTex(name)} /></td><td><span class={`role ${output.role}`}>{output.role}</span></td><td>{shapeText(shape)}</td><td>{dtype}</td></tr>;
          })}
        </tbody>
      </table>
      <h3>Schedule: a topological order</h3>
      <p class="quiet">Equations of one level do not depend on each other.</p>
      <table class="steps">
        <thead><tr><th class="num">step</th><th class="num">level</th><th>equation</th><th>shape</th></tr></thead>
        <tbody>
          {graph.equations.slice(first, first + WINDOW).map((e, n) => {
            const k = first + n;
            return (
              <tr key={k} class={step.value === k + 1 ? 'now' : ''} onClick={() => go(k + 1)}>
                <td class="num">{k + 1}</td><td class="num">{level.get(e.outputs[0])}</td>
                <td><Tex text={`${nameTex(graph.values[e.outputs[0]][0])} = ${formulaTex(e.text)}`} /></td><td>{shapeText(graph.values[e.outputs[0]][1])}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

/** The three stages of a training step on this network, and the loss over further steps. */
import { doc, go, mode, model, setMode, step } from '../state';
import { Chart } from '../text/Chart';
import { Tex } from '../text/Tex';
import { ValueView } from '../text/arrays';
import { num, shapeText, short } from '../text/numbers';
import { nameTex } from '../text/tex';
import { reveal } from '../graph/view';

export function TrainingPanel() {
  const d = doc.value;
  const m = model.value;
  const training = d?.training;
  if (!d || !m || !training)
    return (
      <div>
        <h2>The training step</h2>
        <p class="quiet">Say which arguments are parameters: <code>wg.view(loss, params, x, y, parameters=0)</code>.</p>
      </div>
    );
  const n = m.equationNodes.length;
  const at = step.value;
  const stage = mode.value !== 'reverse' ? 0 : at <= n ? 1 : at < 2 * n + 2 ? 2 : 3;
  const jump = (to: number) => () => {
    setMode('reverse');
    go(to);
  };
  const layers = d.reports.network?.layers ?? [];
  return (
    <div class="training">
      <h2>The training step</h2>
      <ol class="stages">
        <li class={stage === 1 ? 'now' : ''}>
          <button type="button" onClick={jump(0)}>1 · F-pass</button>
          <p>The loss of this mini-batch: <strong>{short(training.losses[0], 5)}</strong></p>
        </li>
        <li class={stage === 2 ? 'now' : ''}>
          <button type="button" onClick={jump(n + 1)}>2 · B-pass</button>
          <p>The gradient by every parameter; its norm is <strong>{short(training.norms[0], 4)}</strong></p>
        </li>
        <li class={stage === 3 ? 'now' : ''}>
          <button type="button" onClick={jump(2 * n + 2)}>3 · Update</button>
          <p>A step against the gradient; the loss is then <strong>{short(training.losses[1], 5)}</strong></p>
        </li>
      </ol>
      <Tex block text={`\\theta \\leftarrow \\theta - ${training.rate}\\, \\nabla_{\\theta} L`} />
      {layers.length > 0 && (
        <p class="row">Layers:{layers.map((layer) => (
          <button key={layer.name} type="button" class="plain" onClick={() => {
            const node = m.equationNodes.find((e) => m.doc.graph.groups[e.groups.at(-1) ?? -1]?.label === layer.name);
            if (node) {
              reveal(node.id);
              setMode('reverse');
              go(m.stepOf(node, 'reverse', stage >= 2));
            }
          }}>{layer.name} <small>{layer.parameters.join(', ')}</small></button>
        ))}</p>
      )}
      <h3>Loss over further steps on the same data</h3>
      <Chart xLabel="step" yLabel="loss" series={[{ name: 'loss', x: training.losses.map((_, k) => k), y: training.losses.map(num), dots: training.losses.length <= 50 }]} />
      <h3>The update, parameter by parameter</h3>
      {training.parameters.slice(0, 24).map((p) => {
        const [name, shape] = d.graph.values[p.value];
        return (
          <section key={p.value} class="card update">
            <h4><Tex text={nameTex(name)} /> <span class="quiet">{shapeText(shape)}, norm of the gradient {short(p.norm, 3)}</span></h4>
            <div class="three">
              <ValueView record={p.before} shape={shape} label="before" />
              <ValueView record={p.gradient} shape={shape} label="gradient" kind="adjoint" />
              <ValueView record={p.after} shape={shape} label="after" />
            </div>
          </section>
        );
      })}
    </div>
  );
}

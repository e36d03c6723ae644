import { useSignalEffect } from '@preact/signals';
import type { ComponentType } from 'preact';
import { useEffect } from 'preact/hooks';
import { Graph } from './graph/view';
import { Header } from './header';
import { CompiledPanel } from './panels/compiled';
import { CostsPanel } from './panels/costs';
import { DualityPanel } from './panels/duality';
import { FindPanel } from './panels/find';
import { JacobianPanel } from './panels/jacobian';
import { PatternsPanel } from './panels/patterns';
import { RoadsPanel } from './panels/roads';
import { SchedulePanel } from './panels/schedule';
import { StepPanel } from './panels/step';
import { TablePanel } from './panels/table';
import { TrainingPanel } from './panels/training';
import { ToursPanel } from './panels/tours';
import { Inside } from './inside';
import { SourceView } from './source';
import { announcement, current, doc, model, panel, playing, recordOf, theme } from './state';
import { brief } from './text/numbers';
import { Transport } from './transport';
import { TourCard } from './tour';

export const PANELS: [id: string, label: string, panel: ComponentType][] = [
  ['step', 'Step', StepPanel],
  ['table', 'Table', TablePanel],
  ['graph', 'Schedule', SchedulePanel],
  ['patterns', 'Patterns', PatternsPanel],
  ['roads', 'Four roads', RoadsPanel],
  ['jacobian', 'Jacobian', JacobianPanel],
  ['duality', 'Duality', DualityPanel],
  ['costs', 'Cost', CostsPanel],
  ['training', 'Training', TrainingPanel],
  ['find', 'Find', FindPanel],
  ['compiled', 'Compiled', CompiledPanel],
  ['tours', 'Tours', ToursPanel],
];

export function App() {
  useEffect(() => void requestAnimationFrame(() => performance.mark('interactive')), []);
  useSignalEffect(() => {
    const root = document.documentElement;
    if (theme.value === 'auto') root.removeAttribute('data-theme');
    else root.setAttribute('data-theme', theme.value);
  });
  useSignalEffect(announce);
  useSignalEffect(() => {
    if (doc.value) document.title = `${doc.value.title} - Wengert`;
  });
  const chosen = PANELS.find(([id]) => id === panel.value) ?? PANELS[0];
  const Chosen = chosen[2];
  return (
    <div class="app">
      <a class="skip" href="#panel">To the current step</a>
      <Header />
      <main>
        <SourceView />
        <section class="middle" aria-label="Graph">
          <Graph />
          <TourCard />
          <Inside />
          <Legend />
        </section>
        <section class="side" aria-label="Details">
          <Tabs />
          <div class="panelbody" id="panel" role="tabpanel" tabIndex={0} aria-label={chosen[1]}><Chosen /></div>
        </section>
      </main>
      <Transport />
      <div class="sr" aria-live="polite">{announcement}</div>
    </div>
  );
}

function Tabs() {
  const move = (event: KeyboardEvent): void => {
    const by = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (!by) return;
    event.preventDefault();
    event.stopPropagation();
    const at = PANELS.findIndex(([id]) => id === panel.value);
    panel.value = PANELS[(at + by + PANELS.length) % PANELS.length][0];
    requestAnimationFrame(() => document.getElementById(`tab-${panel.value}`)?.focus());
  };
  return (
    <div class="tabs" role="tablist" aria-label="Views" onKeyDown={move}>
      {PANELS.map(([id, label]) => {
        const on = panel.value === id;
        return <button key={id} id={`tab-${id}`} type="button" role="tab" aria-selected={on} aria-controls="panel" tabIndex={on ? 0 : -1} onClick={() => (panel.value = id)}>{label}</button>;
      })}
    </div>
  );
}

function Legend() {
  const d = doc.value;
  if (!d) return null;
  const roles = new Set(d.graph.inputs.map((i) => i.role));
  return (
    <div class="legend" aria-hidden="true">
      {[...roles].map((role) => <span key={role} class={`swatch ${role}`}>{role}</span>)}
      <span class="swatch equation">operation</span>
      <span class={`swatch ${d.graph.outputs[0]?.role}`}>{d.graph.outputs[0]?.role}</span>
      <span class="quiet">an edge without a shape carries one number</span>
    </div>
  );
}

/** Say the current step to screen readers. */
function announce(): void {
  const now = current.value;
  const m = model.value;
  if (!now || !m || playing.value) return;
  const { node, phase } = now;
  if (!node) {
    announcement.value = phase === 'inputs' ? 'Inputs' : 'Gradients of the inputs';
    return;
  }
  const value = node.values[0];
  const [name, shape] = m.doc.graph.values[value];
  const text = node.equation >= 0 ? m.doc.graph.equations[node.equation].text : node.title;
  const what = phase === 'backward' || phase === 'seed' ? `adjoint ${brief(recordOf('adjoint', value), shape)}`
    : `value ${brief(recordOf('primal', value), shape)}`;
  announcement.value = `${phase === 'backward' ? 'Backward' : phase === 'seed' ? 'Seed' : 'Forward'}: ${name} = ${text}, ${what}`;
}

import { useEffect, useRef } from 'preact/hooks';
import { exportJson, exportPng, exportSvg, exportText, type Format } from './export';
import { firstBad } from './bad';
import { reveal, viewport } from './graph/view';
import { badges, direction, doc, expanded, live, model, open, own, panel, picked, theme, trail, whole } from './state';

const ALL = 900;

/** Formats that Python has put into the page: name, ending of the file, what to call it. */
const FORMATS: [Format, string, string][] = [
  ['dot', 'dot', 'Graph as DOT'], ['mermaid', 'mmd', 'Graph as Mermaid'], ['latex', 'tex', 'Tables as LaTeX'],
  ['onnx', 'onnx', 'Program as ONNX'],
];

export function Header() {
  const d = doc.value;
  const menu = useRef<HTMLDetailsElement>(null);
  const close = (act: () => void) => () => {
    act();
    menu.current?.removeAttribute('open');
  };
  useEffect(() => {
    const shut = (event: Event): void => {
      const open = menu.current;
      if (!open?.open) return;
      if (event instanceof KeyboardEvent) {
        if (event.key !== 'Escape') return;
        if (open.contains(document.activeElement)) open.querySelector('summary')!.focus();
      } else if (open.contains(event.target as Node)) return;
      open.removeAttribute('open');
    };
    for (const kind of ['pointerdown', 'keydown'] as const) addEventListener(kind, shut);
    return () => {
      for (const kind of ['pointerdown', 'keydown'] as const) removeEventListener(kind, shut);
    };
  }, []);
  if (!d) return <header class="head"><span class="brand">Wengert</span></header>;
  const groups = d.graph.groups;
  return (
    <header class="head">
      <span class="brand">Wengert</span>
      <h1 title={d.title}>{d.title}</h1>
      {own.value && own.value !== d && !trail.value.length && <button type="button" onClick={() => open(own.value!)}>Back to {own.value.title}</button>}
      <Alarm />
      <span class="space" />
      {groups.length > 0 && (
        <span class="row" role="group" aria-label="Groups">
          <button type="button" class="plain" onClick={() => (expanded.value = new Set())}>Collapse all</button>
          <button type="button" class="plain" onClick={() => (expanded.value = new Set(groups.keys()))}
            title={d.graph.equations.length > ALL ? `Above ${ALL} nodes a plainer layout is used` : ''}>Expand all</button>
        </span>
      )}
      <span class="row" role="group" aria-label="View">
        <button type="button" class="plain icon" aria-label="Zoom out" title="Zoom out (−)" onClick={() => viewport.value?.zoom(0.8)}>−</button>
        <button type="button" class="plain icon" aria-label="Zoom in" title="Zoom in (+)" onClick={() => viewport.value?.zoom(1.25)}>+</button>
        <button type="button" class="plain" title="Show all (0)" onClick={() => viewport.value?.fit()}>Fit</button>
        <button type="button" class="plain icon" aria-label={direction.value === 'RIGHT' ? 'Lay out from top to bottom' : 'Lay out from left to right'} title="Direction of the drawing"
          onClick={() => (direction.value = direction.value === 'RIGHT' ? 'DOWN' : 'RIGHT')}>{direction.value === 'RIGHT' ? '→' : '↓'}</button>
        <button type="button" class="plain" aria-pressed={badges.value} onClick={() => (badges.value = !badges.value)}>Badges</button>
      </span>
      <details class="menu" ref={menu}>
        <summary>Save</summary>
        <div>
          <button type="button" onClick={close(exportSvg)}>Drawing as SVG</button>
          <button type="button" onClick={close(() => void exportPng())}>Drawing as PNG</button>
          {FORMATS.map(([format, ending, label]) => {
            const made = whole.value?.exports?.[format];
            if (made && made.why === undefined) return <button key={format} type="button" onClick={close(() => exportText(format, ending))}>{label}</button>;
            return (
              <p key={format} class="quiet"><strong>{label}</strong>: not in this page{made?.why ? `: ${made.why}` : ''}. In Python:{' '}
                <code>wg.view(f, …).save("f.{ending}")</code></p>
            );
          })}
          <button type="button" onClick={close(exportJson)}>Document as JSON</button>
          <button type="button" onClick={close(() => print())}>Print</button>
          {live.value && <p class="quiet">Tables, program and document have the values from Python; the drawings those that you have changed.</p>}
          {trail.value.length > 0 && <p class="quiet">The drawings are of what is seen; all else is of the whole program.</p>}
        </div>
      </details>
      <label class="select"><span class="sr">Colours</span>
        <select value={theme.value} onChange={(e) => (theme.value = e.currentTarget.value as 'auto' | 'light' | 'dark')}>
          <option value="auto">Auto</option><option value="light">Light</option><option value="dark">Dark</option>
        </select>
      </label>
    </header>
  );
}

/** Values or gradients that are not finite: where they begin is one click away. */
function Alarm() {
  const found = firstBad.value;
  const m = model.value;
  const k = found?.forward ?? found?.backward ?? null;
  if (!m || k === null) return null;
  const name = m.doc.graph.values[m.doc.graph.equations[k].outputs[0]][0];
  const show = (): void => {
    panel.value = 'find';
    reveal(`e${k}`);
    picked.value = `e${k}`;
  };
  return <button type="button" class="alarm" onClick={show}>⚠ {found?.forward === null ? 'gradients' : 'values'} not finite, first at {name}</button>;
}

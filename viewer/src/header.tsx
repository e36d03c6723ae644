import { useRef } from 'preact/hooks';
import { exportJson, exportPng, exportSvg } from './export';
import { viewport } from './graph/view';
import { badges, direction, doc, expanded, open, own, theme, trail } from './state';

const ALL = 700;

export function Header() {
  const d = doc.value;
  const menu = useRef<HTMLDetailsElement>(null);
  const close = (act: () => void) => () => {
    act();
    menu.current?.removeAttribute('open');
  };
  if (!d) return <header class="head"><span class="brand">Wengert</span></header>;
  const groups = d.graph.groups;
  return (
    <header class="head">
      <span class="brand">Wengert</span>
      <h1>{d.title}</h1>
      {own.value && own.value !== d && !trail.value.length && <button type="button" onClick={() => open(own.value!)}>Back to {own.value.title}</button>}
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
          <button type="button" onClick={close(exportJson)}>Document as JSON</button>
          <button type="button" onClick={close(() => print())}>Print</button>
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

/** Inside of a loop, a branch or a call: where one is, which iteration, and the way out. */
import { chooseRun, leave, run, trail } from './state';

export function Inside() {
  const level = trail.value.at(-1);
  const inner = level?.doc.inside[String(level.equation)];
  if (!level || !inner) return null;
  const number = inner.shown[run.value] + 1;
  return (
    <aside class="insidebar" aria-label={`Inside of ${inner.title}`}>
      <button type="button" onClick={leave}>↰ Out, to {level.doc.title}</button>
      {inner.count > 1 && (
        <label>
          {inner.unit} <strong>{number}</strong> of {inner.count}
          <input type="range" min="0" max={inner.shown.length - 1} value={run.value} aria-label={inner.unit}
            aria-valuetext={`${inner.unit} ${number} of ${inner.count}`}
            onInput={(e) => chooseRun(e.currentTarget.valueAsNumber)} />
        </label>
      )}
      {inner.count === 1 && <span>{inner.title}</span>}
    </aside>
  );
}

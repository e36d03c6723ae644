/** Inside of loops, branches and calls: where one is, which iteration of each loop around, and the ways out. */
import { chooseRun, insideOf, leave, trail, type Level } from './state';

export function Inside() {
  if (!trail.value.length) return null;
  return (
    <aside class="insidebar" aria-label="Inside">
      {trail.value.map((level, depth) => <One key={depth} level={level} depth={depth} />)}
    </aside>
  );
}

function One({ level, depth }: { level: Level; depth: number }) {
  const inside = insideOf(level.equation, level.doc);
  if (!inside) return null;
  const number = inside.shown[level.run] + 1;
  const some = inside.shown.length < inside.count;
  return (
    <div class="level" style={{ paddingLeft: `${depth * 20}px` }}>
      <button type="button" onClick={() => leave(depth)} aria-label={`Out, to ${level.doc.title}`}>↰ {level.doc.title}</button>
      {inside.count === 1 && <span>{inside.title}</span>}
      {inside.count > 1 && (
        <label>
          <span>{inside.title}: {inside.unit} <strong>{number}</strong> of {inside.count}</span>
          <input type="range" min="0" max={inside.shown.length - 1} value={level.run}
            aria-label={depth ? `${inside.unit} of ${inside.title}, level ${depth + 1}` : inside.unit}
            aria-valuetext={`${inside.unit} ${number} of ${inside.count}`}
            onInput={(e) => chooseRun(depth, e.currentTarget.valueAsNumber)} />
          {some && <span class="quiet">{inside.shown.length} of them can be chosen</span>}
        </label>
      )}
    </div>
  );
}

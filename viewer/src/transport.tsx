/** Play, step, back, jump. */
import { useEffect } from 'preact/hooks';
import { lastStop, nextStop } from './keys';
import { current, go, mode, model, playing, setMode, speed, step, steps } from './state';

const INTERVAL = 1100;

export function Transport() {
  const m = model.value;
  const count = steps.value.length;
  useEffect(() => {
    if (!playing.value) return;
    if (step.value >= count - 1) {
      playing.value = false;
      return;
    }
    const timer = setTimeout(() => go(step.value + 1), INTERVAL / speed.value);
    return () => clearTimeout(timer);
  }, [playing.value, step.value, speed.value, count]);
  if (!m) return null;
  const n = m.equationNodes.length;
  const play = (): void => {
    if (!playing.value && step.value >= count - 1) go(0);
    playing.value = !playing.value;
  };
  const phase = current.value?.phase ?? 'inputs';
  const words = { inputs: 'inputs', forward: 'forward pass', seed: 'the seed', backward: 'backward pass', gradients: 'gradients', tangent: 'forward mode', result: 'result' };
  const part = count > 1 ? (step.value / (count - 1)) * 100 : 0;
  const half = mode.value === 'reverse' && count > 1 ? ((n + 1) / (count - 1)) * 100 : 100;
  return (
    <footer class="transport" aria-label="Steps">
      <span class="row" role="group" aria-label="Mode">
        <button type="button" aria-pressed={mode.value === 'reverse'} onClick={() => setMode('reverse')} title="Reverse mode (r)">Reverse</button>
        <button type="button" aria-pressed={mode.value === 'forward'} onClick={() => setMode('forward')} title="Forward mode (f)">Forward</button>
      </span>
      <span class="row buttons">
        <button type="button" class="icon" aria-label="To the beginning of the pass" title="Shift ←" onClick={() => go(lastStop(n))}><Icon d="M4 3v10M13 3L6 8l7 5z" /></button>
        <button type="button" class="icon" aria-label="Step back" title="←" onClick={() => go(step.value - 1)}><Icon d="M11 3L4 8l7 5z" /></button>
        <button type="button" class="icon main" aria-label={playing.value ? 'Pause' : 'Play'} title="Space" onClick={play}><Icon d={playing.value ? 'M5 3v10M11 3v10' : 'M4 2l9 6-9 6z'} wide={playing.value} /></button>
        <button type="button" class="icon" aria-label="Step" title="→" onClick={() => go(step.value + 1)}><Icon d="M5 3l7 5-7 5z" /></button>
        <button type="button" class="icon" aria-label="To the end of the pass" title="Shift →" onClick={() => go(nextStop(n))}><Icon d="M12 3v10M3 3l7 5-7 5z" /></button>
      </span>
      <input class="line" type="range" min="0" max={count - 1} value={step.value} aria-label="Step"
        aria-valuetext={`step ${step.value + 1} of ${count}, ${words[phase]}`}
        style={{ '--part': `${part}%`, '--half': `${half}%` }}
        onInput={(e) => { playing.value = false; go(e.currentTarget.valueAsNumber); }} />
      <span class="where"><strong class={phase}>{words[phase]}</strong> step {step.value + 1} of {count}</span>
      <label class="select"><span class="sr">Speed</span>
        <select value={String(speed.value)} onChange={(e) => (speed.value = Number(e.currentTarget.value))}>
          <option value="0.5">½×</option><option value="1">1×</option><option value="2">2×</option><option value="5">5×</option><option value="20">20×</option>
        </select>
      </label>
    </footer>
  );
}

function Icon({ d, wide = false }: { d: string; wide?: boolean }) {
  return <svg class="icon" viewBox="0 0 16 16" width="18" height="18" aria-hidden="true"><path d={d} stroke-width={wide ? 3 : 1.8} /></svg>;
}

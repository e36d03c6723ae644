/** The keyboard: everything that the mouse can do with steps. */
import { chooseRun, go, mode, model, panel, playing, setMode, step, steps, trail } from './state';

const MOVING = new Set(['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown', 'Home', 'End', 'PageUp', 'PageDown']);

export function listenToKeys(): void {
  addEventListener('keydown', (event) => {
    const target = event.target as HTMLElement;
    const typing = target.closest?.('input, textarea, select, [contenteditable]');
    const range = target instanceof HTMLInputElement && target.type === 'range';
    const own = range && !target.closest('.transport') && MOVING.has(event.key); // another slider moves by these itself
    if ((typing && !range) || own || event.ctrlKey || event.metaKey || event.altKey) return;
    const n = model.value?.equationNodes.length ?? 0;
    switch (event.key) {
      case 'ArrowRight':
        go(event.shiftKey ? nextStop(n) : step.value + 1);
        break;
      case 'ArrowLeft':
        go(event.shiftKey ? lastStop(n) : step.value - 1);
        break;
      case 'Home':
        go(0);
        break;
      case 'End':
        go(steps.value.length - 1);
        break;
      case ' ':
        if (target.closest?.('button, [role=button], [role=tab], summary, a')) return;
        playing.value = !playing.value;
        break;
      case 'f':
        setMode('forward');
        break;
      case 'r':
        setMode('reverse');
        break;
      case '[':
      case ']':
        if (trail.value.length) chooseRun(trail.value.length - 1, trail.value.at(-1)!.run + (event.key === ']' ? 1 : -1));
        break;
      case '/':
        panel.value = 'find';
        requestAnimationFrame(() => document.getElementById('search')?.focus());
        break;
      default:
        return;
    }
    event.preventDefault();
  });
}

/** Where the passes begin and end. */
function stops(n: number): number[] {
  return mode.value === 'reverse' ? [0, n, n + 1, 2 * n + 2] : [0, n + 1];
}

export function nextStop(n: number): number {
  return stops(n).find((s) => s > step.value) ?? step.value;
}

export function lastStop(n: number): number {
  return stops(n).findLast((s) => s < step.value) ?? 0;
}

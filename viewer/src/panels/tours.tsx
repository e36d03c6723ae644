import { own, tour, tours } from '../state';
import { startTour } from '../tour';
import { TOURS } from '../tours';

export function ToursPanel() {
  return (
    <div class="tourlist">
      <h2>Guided tours</h2>
      <p>Each takes a few minutes and can be left at any time{own.value ? '; your own program stays one click away' : ''}.</p>
      {tours.value.map((t) => (
        <section key={t.id} class="card">
          <h3>{t.title}</h3>
          <p><code>{t.document.title}</code>, {TOURS[t.id]?.length ?? 0} stops</p>
          <button type="button" class="main" onClick={() => startTour(t.id)}>{tour.value?.id === t.id ? 'Start again' : 'Start'}</button>
        </section>
      ))}
      <h2>Keys</h2>
      <dl class="keys">
        <div><dt><kbd>→</kbd> <kbd>←</kbd></dt><dd>step, step back</dd></div>
        <div><dt><kbd>Shift</kbd> with them</dt><dd>to the end or the beginning of a pass</dd></div>
        <div><dt><kbd>Space</kbd></dt><dd>play, pause</dd></div>
        <div><dt><kbd>r</kbd> <kbd>f</kbd></dt><dd>reverse mode, forward mode</dd></div>
        <div><dt><kbd>[</kbd> <kbd>]</kbd></dt><dd>inside of a loop: the iteration before, the next one</dd></div>
        <div><dt><kbd>/</kbd></dt><dd>find</dd></div>
        <div><dt><kbd>+</kbd> <kbd>−</kbd> <kbd>0</kbd></dt><dd>in the graph: zoom, show all</dd></div>
        <div><dt><kbd>↑</kbd> <kbd>↓</kbd></dt><dd>in the graph: from node to node</dd></div>
      </dl>
    </div>
  );
}

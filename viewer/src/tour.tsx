/** Guided tours: a card beside the graph says what to see; each stop sets the step and the panel. */
import { go, mode, model, open, own, panel, playing, setMode, tour, tours } from './state';
import { TOURS, type Stop } from './tours';

export function startTour(id: string): void {
  const found = tours.value.find((t) => t.id === id);
  if (!found) return;
  open(found.document);
  tour.value = { id, stop: 0 };
  arrive(TOURS[id][0]);
}

function arrive(stop: Stop): void {
  const m = model.value;
  if (!m) return;
  playing.value = false;
  const n = m.equationNodes.length;
  if (stop.mode && stop.mode !== mode.value) setMode(stop.mode);
  if (stop.step) go(stop.step(n));
  panel.value = stop.panel;
  if (stop.play) playing.value = true;
}

function leave(): void {
  tour.value = null;
  playing.value = false;
}

export function TourCard() {
  const now = tour.value;
  if (!now) return null;
  const stops = TOURS[now.id];
  const stop = stops[now.stop];
  const move = (by: number) => () => {
    const next = now.stop + by;
    if (next >= stops.length) {
      leave();
      panel.value = 'tours';
      return;
    }
    tour.value = { ...now, stop: next };
    arrive(stops[next]);
  };
  return (
    <aside class="tour" aria-label="Guided tour">
      <p class="quiet">{tours.value.find((t) => t.id === now.id)?.title}: {now.stop + 1} of {stops.length}</p>
      <h2>{stop.title}</h2>
      <p>{stop.text}</p>
      <p class="row">
        <button type="button" class="plain" onClick={leave}>Leave the tour</button>
        {own.value && <button type="button" class="plain" onClick={() => { leave(); open(own.value!); }}>My own program</button>}
        <span class="space" />
        <button type="button" disabled={now.stop === 0} onClick={move(-1)}>Back</button>
        <button type="button" class="main" onClick={move(1)}>{now.stop + 1 === stops.length ? 'Finish' : 'Next'}</button>
      </p>
    </aside>
  );
}

/** Entry: read what is embedded in the page, and draw. */
import { render } from 'preact';
import { App } from './app';
import { embedded, VERSION, type Doc, type Tour } from './document';
import { listenToKeys } from './keys';
import { apply, run } from './live/run';
import { warm } from './graph/elk';
import { busy, drawing } from './graph/view';
import { begin, doc, expanded, go, live, mode, model, recordOf, step, tours } from './state';
import 'katex/dist/katex.min.css';
import './style/base.css';
import './style/graph.css';
import './style/panels.css';

function start(): void {
  warm();
  const place = document.getElementById('app')!;
  const given = embedded<Doc>('document');
  if (given && given.version > VERSION) {
    place.textContent = `This page reads documents up to version ${VERSION}; this one has version ${given.version}.`;
    return;
  }
  tours.value = embedded<Tour[]>('tours') ?? [];
  begin(given);
  render(<App />, place);
  const layout = () => drawing.value?.layout;
  // For the console and for tests: what the page computes with.
  Object.assign(globalThis, { wengert: { apply, run, begin, go, doc, step, mode, live, model, expanded, busy, layout, record: recordOf } });
  listenToKeys();
}

start();

/** Layout by the Eclipse Layout Kernel, in a worker, so that the page stays responsive. */
import ELK, { type ElkNode } from 'elkjs/lib/elk-api';
import worker from 'elkjs/lib/elk-worker.min.js?raw';

let elk: InstanceType<typeof ELK> | null = null;

function engine(): InstanceType<typeof ELK> {
  if (!elk) {
    const url = URL.createObjectURL(new Blob([worker], { type: 'text/javascript' }));
    elk = new ELK({ workerFactory: () => new Worker(url) });
  }
  return elk;
}

/** Start the worker, which takes a while to load its code. */
export function warm(): void {
  engine();
}

export function layered(graph: ElkNode): Promise<ElkNode> {
  return engine().layout(graph);
}

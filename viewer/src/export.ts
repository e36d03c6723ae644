/** The drawing and the document as files. */
import { drawing } from './graph/view';
import { svg } from './graph/draw';
import type { Doc } from './document';
import { whole } from './state';

const KEPT = ['fill', 'stroke', 'stroke-width', 'stroke-dasharray', 'font-family', 'font-size', 'font-weight', 'opacity', 'display', 'text-anchor'];
const MARGIN = 24;

function save(blob: Blob, ending: string): void {
  const link = document.createElement('a');
  const name = (whole.value?.function.name ?? 'graph').replace(/\W+/g, '_') || 'graph';
  link.href = URL.createObjectURL(blob);
  link.download = `${name}.${ending}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** Return the drawing as an SVG that stands alone: what the style sheet says is written into it. */
export function standalone(): { text: string; width: number; height: number } | null {
  const drawn = drawing.value;
  if (!drawn) return null;
  drawn.showAll();
  const copy = drawn.root.cloneNode(true) as SVGGElement;
  const from = drawn.root.querySelectorAll<SVGElement>('*');
  const to = copy.querySelectorAll<SVGElement>('*');
  from.forEach((element, k) => {
    const style = getComputedStyle(element);
    for (const key of KEPT) to[k].setAttribute(key, style.getPropertyValue(key));
    for (const key of ['tabindex', 'role', 'aria-label', 'style']) to[k].removeAttribute(key);
  });
  copy.querySelectorAll('.far').forEach((element) => element.remove());
  const width = drawn.layout.width + 2 * MARGIN;
  const height = drawn.layout.height + 2 * MARGIN;
  copy.setAttribute('transform', `translate(${MARGIN} ${MARGIN})`);
  const root = svg('svg', { xmlns: 'http://www.w3.org/2000/svg', width, height, viewBox: `0 0 ${width} ${height}` });
  const back = getComputedStyle(document.body).backgroundColor;
  const arrow = document.querySelector('#arrow')!.cloneNode(true) as SVGElement;
  arrow.querySelector('path')?.setAttribute('fill', getComputedStyle(document.querySelector('#arrow path')!).fill);
  const defs = svg('defs');
  defs.append(arrow);
  root.append(defs, svg('rect', { width, height, fill: back }), copy);
  return { text: new XMLSerializer().serializeToString(root), width, height };
}

export function exportSvg(): void {
  const made = standalone();
  if (made) save(new Blob([made.text], { type: 'image/svg+xml' }), 'svg');
}

const MOST_PIXELS = 16_000;

export async function exportPng(): Promise<void> {
  const made = standalone();
  if (!made) return;
  const scale = Math.min(2, MOST_PIXELS / Math.max(made.width, made.height));
  const image = new Image();
  image.src = URL.createObjectURL(new Blob([made.text], { type: 'image/svg+xml' }));
  await image.decode();
  const canvas = document.createElement('canvas');
  canvas.width = Math.round(made.width * scale);
  canvas.height = Math.round(made.height * scale);
  canvas.getContext('2d')!.drawImage(image, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(image.src);
  canvas.toBlob((blob) => blob && save(blob, 'png'), 'image/png');
}

export function exportJson(): void {
  if (whole.value) save(new Blob([JSON.stringify(whole.value)], { type: 'application/json' }), 'json');
}

export type Format = keyof Doc['exports'];

/** What only Python can make is in the document: of the whole program, at the values from Python. */
export function exportText(format: Format, ending: string): void {
  const made = whole.value?.exports[format];
  if (made?.text !== undefined) save(new Blob([made.text], { type: 'text/plain;charset=utf-8' }), ending);
  else if (made?.base64 !== undefined) save(new Blob([decoded(made.base64)], { type: 'application/octet-stream' }), ending);
}

function decoded(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
}

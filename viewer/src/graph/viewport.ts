/** Pan and zoom by moving one SVG group: nothing is drawn again. */
import type { Box, Layout } from './layout';

const MARGIN = 36;
/** What stays free at the edge of the window at least. */
const EDGE = 12;
const CLOSEST = 3;
const LARGEST_AT_FIRST = 1.5;
const SMALLEST_READABLE = 0.75;

export class Viewport {
  private x = 0;
  private y = 0;
  private scale = 1;
  private scene: SVGGElement | null = null;
  private content = { width: 1, height: 1 };
  /** Of the window; asking the element each time would make the browser lay out everything at each step. */
  private size = { width: 0, height: 0 };
  private frame = 0;
  private culling = 0;
  private readonly pointers = new Map<number, [number, number]>();
  private moved = false;
  private readonly observer: ResizeObserver;

  constructor(
    private readonly canvas: SVGSVGElement,
    private readonly onMove: (window: Box, scale: number) => void,
  ) {
    canvas.addEventListener('wheel', this.wheel, { passive: false });
    canvas.addEventListener('pointerdown', this.down);
    canvas.addEventListener('pointermove', this.move);
    canvas.addEventListener('pointerup', this.up);
    canvas.addEventListener('pointercancel', this.up);
    canvas.addEventListener('click', this.swallow, true);
    canvas.addEventListener('keydown', this.key);
    this.observer = new ResizeObserver(([entry]) => {
      const { width, height } = entry.contentRect;
      this.size = { width, height };
      this.apply();
    });
    this.observer.observe(canvas);
    const { width, height } = canvas.getBoundingClientRect();
    this.size = { width, height };
  }

  stop(): void {
    this.observer.disconnect();
  }

  /** Show a drawing; with `fit`, all of it, else at the place where the old one was. */
  show(scene: SVGGElement, layout: Layout, fit: boolean): void {
    this.scene?.remove();
    this.scene = scene;
    this.content = { width: layout.width, height: layout.height };
    this.canvas.append(scene);
    if (fit) this.begin(layout);
    else this.apply();
    this.place(); // at once: whoever asks where something is in the window shall get the right answer
  }

  /** Show all of it, if that can be read; else its beginning: what stands first in the direction of the edges. */
  private begin({ items }: Layout): void {
    this.fit();
    if (this.scale >= SMALLEST_READABLE || !items.length) return;
    const { width, height } = this.size;
    this.scale = SMALLEST_READABLE;
    const down = this.content.height > this.content.width;
    const first = items.map(({ box }) => box).sort((a, b) => (down ? a.y - b.y : a.x - b.x));
    const row = first.filter((box) => (down ? box.y < first[0].y + first[0].height : box.x < first[0].x + first[0].width));
    const middle = row.reduce((sum, box) => sum + (down ? box.x + box.width / 2 : box.y + box.height / 2), 0) / row.length;
    const [w, h] = [this.content.width * this.scale, this.content.height * this.scale];
    this.x = kept(down ? width / 2 - middle * this.scale : MARGIN, w, width);
    this.y = kept(down ? MARGIN : height / 2 - middle * this.scale, h, height);
    this.apply();
  }

  fit = (): void => {
    const { width, height } = this.size;
    if (!width || !height) return;
    const across = (width - 2 * MARGIN) / this.content.width;
    const down = (height - 2 * MARGIN) / this.content.height;
    this.scale = Math.min(across, down, LARGEST_AT_FIRST);
    this.x = (width - this.content.width * this.scale) / 2;
    this.y = (height - this.content.height * this.scale) / 2;
    this.apply();
  };

  zoom(factor: number, cx?: number, cy?: number): void {
    const { width, height } = this.size;
    const [px, py] = [cx ?? width / 2, cy ?? height / 2];
    const least = Math.min(0.02, width / (this.content.width + 1) / 2);
    const next = Math.max(least, Math.min(CLOSEST, this.scale * factor));
    this.x = px - ((px - this.x) * next) / this.scale;
    this.y = py - ((py - this.y) * next) / this.scale;
    this.scale = next;
    this.apply();
  }

  pan(dx: number, dy: number): void {
    this.x += dx;
    this.y += dy;
    this.apply();
  }

  /** Move as little as needed for a box of the drawing to be seen. */
  bringIn(box: Box): void {
    if (!this.size.width) return;
    const { x, y, scale } = this;
    this.bringInWindow({ x: box.x * scale + x, y: box.y * scale + y, width: box.width * scale, height: box.height * scale });
  }

  /** The same for a box in the window's coordinates. */
  bringInWindow(box: Box): void {
    const { width, height } = this.size;
    this.x = kept(this.x + shift(box.x, box.width, width), this.content.width * this.scale, width);
    this.y = kept(this.y + shift(box.y, box.height, height), this.content.height * this.scale, height);
    this.apply();
  }

  /** Where a box of the drawing is in the window. */
  placeOf(box: Box): [number, number] {
    return [box.x * this.scale + this.x, box.y * this.scale + this.y];
  }

  /** Move so that a box is at a place in the window. */
  hold(box: Box, [left, top]: [number, number]): void {
    const { width, height } = this.size;
    this.x = kept(left - box.x * this.scale, this.content.width * this.scale, width);
    this.y = kept(top - box.y * this.scale, this.content.height * this.scale, height);
    this.place();
    this.apply();
  }

  get zoomed(): number {
    return this.scale;
  }

  private apply(): void {
    if (!this.frame) this.frame = requestAnimationFrame(this.draw);
  }

  private place(): void {
    const transform = `translate(${this.x} ${this.y}) scale(${this.scale})`;
    if (this.scene && this.scene.getAttribute('transform') !== transform) this.scene.setAttribute('transform', transform);
  }

  private draw = (): void => {
    this.frame = 0;
    this.place();
    if (!this.culling) this.culling = requestAnimationFrame(this.cull);
  };

  private cull = (): void => {
    this.culling = 0;
    const { width, height } = this.size;
    const pad = 200;
    this.onMove(
      {
        x: (-this.x - pad) / this.scale,
        y: (-this.y - pad) / this.scale,
        width: (width + 2 * pad) / this.scale,
        height: (height + 2 * pad) / this.scale,
      },
      this.scale,
    );
  };

  private wheel = (event: WheelEvent): void => {
    event.preventDefault();
    const area = this.canvas.getBoundingClientRect();
    if (event.shiftKey) this.pan(-event.deltaY, 0);
    else this.zoom(Math.exp(-event.deltaY * 0.0015), event.clientX - area.left, event.clientY - area.top);
  };

  private down = (event: PointerEvent): void => {
    if (event.button !== 0 && event.pointerType === 'mouse') return;
    this.pointers.set(event.pointerId, [event.clientX, event.clientY]);
    this.moved = false;
  };

  private move = (event: PointerEvent): void => {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const dx = event.clientX - before[0];
    const dy = event.clientY - before[1];
    if (!this.moved && Math.hypot(dx, dy) < 4) return;
    if (!this.moved) this.canvas.setPointerCapture(event.pointerId);
    this.moved = true;
    this.canvas.classList.add('panning');
    if (this.pointers.size === 2) {
      const [other] = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
      const area = this.canvas.getBoundingClientRect();
      const was = Math.hypot(before[0] - other[0], before[1] - other[1]);
      const is = Math.hypot(event.clientX - other[0], event.clientY - other[1]);
      this.zoom(is / Math.max(was, 1), (event.clientX + other[0]) / 2 - area.left, (event.clientY + other[1]) / 2 - area.top);
    } else this.pan(dx, dy);
    this.pointers.set(event.pointerId, [event.clientX, event.clientY]);
  };

  private up = (event: PointerEvent): void => {
    this.pointers.delete(event.pointerId);
    this.canvas.classList.remove('panning');
  };

  /** A click at the end of a drag is none. */
  private swallow = (event: Event): void => {
    if (!this.moved) return;
    this.moved = false;
    event.stopPropagation();
  };

  private key = (event: KeyboardEvent): void => {
    if (event.key === '+' || event.key === '=') this.zoom(1.25);
    else if (event.key === '-') this.zoom(0.8);
    else if (event.key === '0') this.fit();
    else return;
    event.preventDefault();
  };
}

/** How far to move for a stretch to be seen, with something of what is around it. */
function shift(start: number, length: number, size: number): number {
  if (start >= MARGIN && start + length <= size - MARGIN) return 0;
  const around = Math.max(MARGIN, Math.min(size / 4, (size - length) / 2));
  return start < MARGIN ? around - start : size - around - (start + length);
}

/** Where to put the drawing: nothing of one that fits into the window is left outside. */
function kept(at: number, content: number, size: number): number {
  return content <= size - 2 * EDGE ? Math.max(EDGE, Math.min(size - EDGE - content, at)) : at;
}

/** Arrays as heat maps and histograms. */
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { DataRecord, Num } from '../document';
import { theme } from '../state';
import { entries, histogramOf, num, shapeText, short, statsOf } from './numbers';

const MOST_NUMBERS = 36;
const MOST_COLUMNS = 6;

/** A value in full: a scalar as a number, an array as numbers or a heat map, with its statistics. */
export function ValueView({ record, shape, label, kind }: {
  record: DataRecord | null; shape: number[]; label?: string; kind?: 'value' | 'adjoint' | 'tangent';
}) {
  if (!record) return <p class="quiet">{label ? `${label}: ` : ''}no derivative</p>;
  const scalar = shape.length === 0 || entries(shape) === 1;
  return (
    <figure class={`array ${kind ?? 'value'}`}>
      {label && <figcaption>{label}{!scalar && <span class="quiet"> {shapeText(shape)}</span>}</figcaption>}
      {scalar ? <output class="number">{short(record.v?.[0], 7)}</output> : <ArrayView record={record} shape={shape} />}
    </figure>
  );
}

function ArrayView({ record, shape }: { record: DataRecord; shape: number[] }) {
  const stats = statsOf(record);
  const matrix = asMatrix(record, shape);
  const broken = stats.nan > 0 || stats.inf > 0;
  return (
    <div class="arraybody">
      <div class="pictures">
        {matrix.v.length > 0 && matrix.v.length <= MOST_NUMBERS && matrix.columns <= MOST_COLUMNS && record.v
          ? <NumberGrid {...matrix} />
          : <HeatMap {...matrix} />}
        <Histogram record={record} />
      </div>
      <dl class="stats">
        <div><dt>min</dt><dd>{short(stats.min, 4)}</dd></div>
        <div><dt>max</dt><dd>{short(stats.max, 4)}</dd></div>
        <div><dt>mean</dt><dd>{short(stats.mean, 4)}</dd></div>
        <div class={broken ? 'alarm' : ''}><dt>NaN</dt><dd>{stats.nan}{stats.inf ? `, ∞ ${stats.inf}` : ''}</dd></div>
      </dl>
    </div>
  );
}

interface Matrix {
  rows: number;
  columns: number;
  v: Num[];
}

/** An array as rows and columns: all axes but the last are rows. */
export function asMatrix(record: DataRecord, shape: number[]): Matrix {
  if (record.heat) return record.heat;
  const v = record.v ?? [];
  const columns = shape.length ? shape[shape.length - 1] : 1;
  return { rows: columns ? v.length / columns : 0, columns, v };
}

function NumberGrid({ rows, columns, v }: Matrix) {
  const top = Math.max(...v.map((x) => Math.abs(num(x))).filter(Number.isFinite), 0);
  // A long column is written as a row; its shape says what it is.
  const across = columns === 1 ? Math.min(rows, 5) : columns;
  const place = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const grid = place.current!;
    if (grid.scrollWidth > grid.clientWidth) grid.tabIndex = 0; // to be scrolled by keyboard
    else grid.removeAttribute('tabindex');
  });
  return (
    <div class="grid" ref={place} style={{ gridTemplateColumns: `repeat(${across}, auto)` }} role="img"
      aria-label={`${rows} by ${columns}: ${v.map((x) => short(x, 3)).join(', ')}`}>
      {v.map((x, k) => {
        const colour = tint(num(x), top, isDark());
        return <span key={k} style={{ background: colour.css, color: colour.ink }}>{short(x, 3)}</span>;
      })}
    </div>
  );
}

export function HeatMap({ rows, columns, v, wide = 260, high = 180 }: Matrix & { wide?: number; high?: number }) {
  const place = useRef<HTMLCanvasElement>(null);
  theme.value;
  useLayoutEffect(() => {
    const canvas = place.current!;
    canvas.width = Math.max(1, columns);
    canvas.height = Math.max(1, rows);
    const context = canvas.getContext('2d');
    if (!context) return;
    const top = Math.max(...v.map((x) => Math.abs(num(x))).filter(Number.isFinite), 0);
    v.forEach((x, k) => {
      context.fillStyle = tint(num(x), top, isDark()).css;
      context.fillRect(k % columns, Math.floor(k / columns), 1, 1);
    });
  });
  const cell = Math.max(2, Math.min(wide / columns, high / rows, 26));
  const width = Math.min(wide, Math.max(cell * columns, 8));
  const height = Math.min(high, Math.max(cell * rows, 10));
  return <canvas class="heat" ref={place} style={{ width: `${width}px`, height: `${height}px` }} role="img" aria-label={`heat map of ${rows} by ${columns} entries`} />;
}

export function isDark(): boolean {
  const chosen = theme.value;
  return chosen === 'dark' || (chosen === 'auto' && matchMedia('(prefers-color-scheme: dark)').matches);
}

/** Blue for negative, orange for positive, the paper's colour for 0, magenta for what is no finite number. */
export function tint(x: number, top: number, dark: boolean): { css: string; ink: string } {
  if (!Number.isFinite(x)) return { css: '#c2187a', ink: '#fff' };
  const part = top > 0 ? Math.min(1, Math.abs(x) / top) : 0;
  const strength = Math.sqrt(part);
  const zero = dark ? [38, 45, 53] : [246, 247, 248];
  const end = x < 0 ? (dark ? [70, 150, 240] : [33, 102, 172]) : dark ? [240, 140, 70] : [202, 92, 22];
  const mix = zero.map((c, k) => Math.round(c + (end[k] - c) * strength));
  return { css: `rgb(${mix.join(' ')})`, ink: inkOn(mix) };
}

/** Black or white, whichever stands out more: one of them always has a contrast over 4.5. */
function inkOn([r, g, b]: number[]): string {
  const channel = (c: number): number => (c <= 10 ? c / 3294 : ((c / 255 + 0.055) / 1.055) ** 2.4);
  const light = 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  return light + 0.05 > Math.sqrt(1.05 * 0.05) ? '#000' : '#fff';
}

export function Histogram({ record }: { record: DataRecord }) {
  const made = histogramOf(record);
  if (!made || made.counts.length < 2) return null;
  const top = Math.max(...made.counts);
  const [width, height] = [150, 54];
  const bar = width / made.counts.length;
  return (
    <svg class="histogram" viewBox={`0 0 ${width} ${height + 14}`} width={width} height={height + 14} role="img"
      aria-label={`histogram from ${short(made.low, 3)} to ${short(made.high, 3)}`}>
      {made.counts.map((count, k) => {
        const h = count ? Math.max(1, (count / top) * height) : 0;
        return <rect key={k} x={k * bar + 0.5} y={height - h} width={bar - 1} height={h} />;
      })}
      <line x1="0" x2={width} y1={height + 0.5} y2={height + 0.5} />
      <text x="0" y={height + 12}>{short(made.low, 3)}</text>
      <text x={width} y={height + 12} text-anchor="end">{short(made.high, 3)}</text>
    </svg>
  );
}

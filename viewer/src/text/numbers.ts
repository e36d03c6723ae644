/** Numbers and shapes as short text, and arrays of numbers summarised. */
import type { DataRecord, Num, Stats } from '../document';

/** Return a number of the document as a JavaScript number; a complex one by its magnitude. */
export function num(x: Num | null | undefined): number {
  if (typeof x === 'number') return x;
  if (x === 'inf') return Infinity;
  if (x === '-inf') return -Infinity;
  if (typeof x === 'boolean') return Number(x);
  if (x !== null && typeof x === 'object') return Math.hypot(num(x.re), num(x.im));
  return NaN;
}

export function short(x: Num | null | undefined, digits = 4): string {
  if (x === null || x === undefined) return '–';
  if (typeof x === 'boolean') return x ? 'true' : 'false';
  if (typeof x === 'object') {
    const im = short(x.im, digits);
    return `${short(x.re, digits)}${im.startsWith('−') ? '' : '+'}${im}i`;
  }
  if (typeof x === 'string') return x === '-inf' ? '−∞' : x === 'inf' ? '∞' : x === 'nan' ? 'NaN' : x;
  return plain(x, digits);
}

function plain(x: number, digits: number): string {
  if (Number.isNaN(x)) return 'NaN';
  if (!Number.isFinite(x)) return x > 0 ? '∞' : '−∞';
  if (Number.isInteger(x) && Math.abs(x) < 1e6) return String(x).replace('-', '−').replace(/^0$/, '0');
  const size = Math.abs(x);
  let text = size >= 1e6 || size < 1e-4 ? x.toExponential(digits - 1) : x.toPrecision(digits);
  if (text.includes('e')) {
    const [mantissa, exponent] = text.split('e');
    const trimmed = mantissa.includes('.') ? mantissa.replace(/\.?0+$/, '') : mantissa;
    text = `${trimmed}e${exponent.replace('+', '')}`;
  } else if (text.includes('.')) text = text.replace(/\.?0+$/, '');
  return text.replaceAll('-', '−');
}

export function shapeText(shape: number[]): string {
  return shape.length ? shape.join('×') : 'scalar';
}

export function entries(shape: number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

export function statsOf(record: DataRecord): Stats {
  if (record.stats) return record.stats;
  const made: Stats = { nan: 0, inf: 0, zero: 0 };
  let low = Infinity;
  let high = -Infinity;
  let sum = 0;
  let squares = 0;
  let count = 0;
  for (const item of record.v ?? []) {
    const x = num(item);
    if (Number.isNaN(x)) made.nan++;
    else if (!Number.isFinite(x)) made.inf++;
    else {
      if (x === 0) made.zero++;
      low = Math.min(low, x);
      high = Math.max(high, x);
      sum += x;
      squares += x * x;
      count++;
    }
  }
  if (count) Object.assign(made, { min: low, max: high, mean: sum / count, norm: Math.sqrt(squares) });
  return made;
}

const BINS = 24;

export function histogramOf(record: DataRecord): { low: number; high: number; counts: number[] } | null {
  if (record.hist) return { low: num(record.hist.low), high: num(record.hist.high), counts: record.hist.counts };
  const good = (record.v ?? []).map(num).filter(Number.isFinite);
  if (good.length < 2) return null;
  const low = Math.min(...good);
  const high = Math.max(...good);
  if (low === high) return { low, high, counts: [good.length] };
  const counts = new Array<number>(BINS).fill(0);
  for (const x of good) counts[Math.min(BINS - 1, Math.floor(((x - low) / (high - low)) * BINS))]++;
  return { low, high, counts };
}

/** Return a value as one short line: a scalar as a number, a short vector whole, an array by its range. */
export function brief(record: DataRecord | null | undefined, shape: number[], digits = 4): string {
  if (!record) return '–';
  if (record.v && entries(shape) === 1) return short(record.v[0], digits);
  if (record.v && shape.length === 1 && record.v.length <= 3)
    return `[${record.v.map((x) => short(x, 3)).join(', ')}]`;
  const stats = statsOf(record);
  if (stats.min === undefined) return stats.nan ? 'all NaN' : stats.inf ? 'all ∞' : 'empty';
  const broken = stats.nan + stats.inf ? ` ⚠${stats.nan + stats.inf}` : '';
  if (num(stats.min) === num(stats.max)) return `all ${short(stats.min, 3)}${broken}`;
  return `${short(stats.min, 2)} … ${short(stats.max, 2)}${broken}`;
}

export function seconds(time: number | null): string {
  if (time === null) return '–';
  for (const [unit, size] of [['s', 1], ['ms', 1e-3], ['µs', 1e-6]] as const)
    if (time >= size) return `${short(time / size, 3)} ${unit}`;
  return `${short(time / 1e-9, 3)} ns`;
}

export function bytes(count: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB'];
  let k = 0;
  while (count >= 1024 && k < units.length - 1) {
    count /= 1024;
    k++;
  }
  return `${short(count, 3)} ${units[k]}`;
}

export function grouped(count: number): string {
  return count >= 1e18 ? 'more than 10¹⁸' : String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** Line charts with linear or logarithmic axes. */
import { short } from './numbers';

export interface Series {
  name: string;
  x: number[];
  y: (number | null)[];
  dots?: boolean;
}

interface Props {
  series: Series[];
  xLabel: string;
  yLabel: string;
  logX?: boolean;
  logY?: boolean;
  height?: number;
  flat?: { name: string; y: number } | null;
  step?: boolean;
  mark?: number | null;
}

const WIDTH = 440;
const PAD = { left: 62, right: 14, top: 12, bottom: 44 };

export function Chart({ series, xLabel, yLabel, logX, logY, height = 240, flat, step, mark }: Props) {
  const usable = series.map((s) => ({
    ...s,
    points: s.x.flatMap((x, k) => {
      const y = s.y[k];
      const good = y !== null && Number.isFinite(y) && (!logY || y > 0) && (!logX || x > 0);
      return good ? [[x, y] as [number, number]] : [];
    }),
  }));
  const all = usable.flatMap((s) => s.points);
  if (!all.length) return <p class="quiet">nothing to draw</p>;
  const xs = axis(all.map((p) => p[0]), Boolean(logX), false);
  const ys = axis([...all.map((p) => p[1]), ...(flat && (!logY || flat.y > 0) ? [flat.y] : [])], Boolean(logY), !logY);
  const px = (x: number): number => PAD.left + xs.part(x) * (WIDTH - PAD.left - PAD.right);
  const py = (y: number): number => height - PAD.bottom - ys.part(y) * (height - PAD.top - PAD.bottom);
  return (
    <figure class="chart">
      <svg viewBox={`0 0 ${WIDTH} ${height}`} role="img" aria-label={`${yLabel} over ${xLabel}: ${series.map((s) => s.name).join(', ')}`}>
        {ys.ticks.map((t) => (
          <g key={`y${t}`}>
            <line class="rule" x1={PAD.left} x2={WIDTH - PAD.right} y1={py(t)} y2={py(t)} />
            <text x={PAD.left - 7} y={py(t) + 4} text-anchor="end">{tick(t, Boolean(logY))}</text>
          </g>
        ))}
        {xs.ticks.map((t) => (
          <text key={`x${t}`} x={px(t)} y={height - PAD.bottom + 17} text-anchor="middle">{tick(t, Boolean(logX))}</text>
        ))}
        <line class="axis" x1={PAD.left} x2={WIDTH - PAD.right} y1={height - PAD.bottom} y2={height - PAD.bottom} />
        <text class="label" x={(WIDTH + PAD.left) / 2} y={height - 8} text-anchor="middle">{xLabel}</text>
        <text class="label" transform={`translate(13 ${(height - PAD.bottom + PAD.top) / 2}) rotate(-90)`} text-anchor="middle">{yLabel}</text>
        {mark !== null && mark !== undefined && <line class="mark" x1={px(mark)} x2={px(mark)} y1={PAD.top} y2={height - PAD.bottom} />}
        {flat && <line class="flat" x1={PAD.left} x2={WIDTH - PAD.right} y1={py(Math.max(flat.y, ys.low))} y2={py(Math.max(flat.y, ys.low))} />}
        {usable.map((s, k) => (
          <g key={s.name} class={`series s${k}`}>
            <path d={s.points.map(([x, y], n) => (n === 0 ? `M${px(x)} ${py(y)}` : step ? `H${px(x)}V${py(y)}` : `L${px(x)} ${py(y)}`)).join('')} />
            {s.dots && s.points.map(([x, y]) => <circle key={x} cx={px(x)} cy={py(y)} r="3" />)}
          </g>
        ))}
      </svg>
      <figcaption>
        {series.length + (flat ? 1 : 0) > 1 && series.map((s, k) => <span key={s.name} class={`key s${k}`}>{s.name}</span>)}
        {flat && <span class="key dash">{flat.name}</span>}
      </figcaption>
    </figure>
  );
}

function tick(x: number, log: boolean): string {
  if (!log) return short(x, 3);
  const exponent = Math.round(Math.log10(x));
  return exponent === 0 ? '1' : `10${[...String(exponent)].map((c) => SUPER[c] ?? c).join('')}`;
}

const SUPER: Record<string, string> = {
  '-': '⁻', 0: '⁰', 1: '¹', 2: '²', 3: '³', 4: '⁴', 5: '⁵', 6: '⁶', 7: '⁷', 8: '⁸', 9: '⁹',
};

function axis(values: number[], log: boolean, zero: boolean): { part: (x: number) => number; ticks: number[]; low: number } {
  let low = Math.min(...values, ...(zero ? [0] : []));
  let high = Math.max(...values);
  if (log) {
    const [a, b] = [Math.floor(Math.log10(low)), Math.max(Math.ceil(Math.log10(high)), Math.floor(Math.log10(low)) + 1)];
    const every = Math.ceil((b - a) / 7);
    const ticks: number[] = [];
    for (let k = a; k <= b; k += every) ticks.push(10 ** k);
    return { part: (x) => (Math.log10(x) - a) / (b - a), ticks, low: 10 ** a };
  }
  if (low === high) {
    low -= 1;
    high += 1;
  }
  const raw = (high - low) / 5;
  const base = 10 ** Math.floor(Math.log10(raw));
  const size = [1, 2, 5, 10].map((m) => m * base).find((m) => m >= raw) ?? raw;
  const ticks: number[] = [];
  for (let t = Math.ceil(low / size) * size; t <= high + size / 1e6; t += size) ticks.push(Number(t.toPrecision(12)));
  return { part: (x) => (x - low) / (high - low), ticks, low };
}

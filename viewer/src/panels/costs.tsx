/** Forward or reverse: operations, time, and the memory of each sweep over its course. */
import { Scroll } from '../text/Scroll';
import { doc } from '../state';
import { Omitted } from './omitted';
import { Chart } from '../text/Chart';
import { bytes, grouped, seconds, short } from '../text/numbers';

export function CostsPanel() {
  const costs = doc.value?.reports.costs;
  if (!costs) return <Omitted what="costs" title="Forward or reverse?" />;
  const base = Math.max(1, costs.sweeps[0].operations);
  const j = costs.jacobian;
  const series = costs.sweeps
    .filter((s) => s.live_bytes.length > 0)
    .map((s) => ({ name: s.what, x: s.live_bytes.map((_, k) => k + 1), y: s.live_bytes as (number | null)[] }));
  const most = Math.max(j.forward_operations, j.reverse_operations, 1);
  const bar = (n: number, kind: string, label: string, sweeps: number) => (
    <div class="bar">
      <span>{label} <small>{sweeps} sweep{sweeps === 1 ? '' : 's'}</small></span>
      <div class="track"><div class={kind} style={{ width: `${Math.max(0.5, (n / most) * 100)}%` }} /></div>
      <span class="num">{grouped(n)}</span>
    </div>
  );
  return (
    <div>
      <h2>Forward or reverse?</h2>
      <p><strong>The whole Jacobian</strong> has {grouped(j.rows)} row{j.rows === 1 ? '' : 's'} and {grouped(j.columns)} column{j.columns === 1 ? '' : 's'}. Operations for all of it:</p>
      {bar(j.forward_operations, 'forward', 'forward mode', j.columns)}
      {bar(j.reverse_operations, 'reverse', 'reverse mode', j.rows)}
      <p class="quiet">{costs.reason}</p>
      <h3>One sweep</h3>
      <Scroll name="costs">
        <table>
          <thead><tr><th>what</th><th class="num">operations</th><th class="num">× function</th><th class="num">time</th><th class="num">peak</th></tr></thead>
          <tbody>
            {costs.sweeps.map((s) => (
              <tr key={s.what}><th scope="row">{s.what}</th><td class="num">{grouped(s.operations)}</td><td class="num">{short(s.operations / base, 3)}×</td>
                <td class="num">{seconds(s.seconds)}</td><td class="num">{bytes(s.peak_bytes)}</td></tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      {series.length > 0 && (
        <>
          <h3>Memory over the course of a sweep</h3>
          <Chart series={series} xLabel="equation" yLabel="bytes alive" step />
          <p>
            Between its two sweeps reverse mode keeps {bytes(costs.residual_bytes)} of values that were not inputs, because the backward
            sweep reads them. Forward mode keeps nothing.
          </p>
        </>
      )}
    </div>
  );
}

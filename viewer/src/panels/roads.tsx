/** Four roads to a derivative, side by side, and the error of differences over the step size. */
import { doc } from '../state';
import { Chart } from '../text/Chart';
import { Scroll } from '../text/Scroll';
import { Tex } from '../text/Tex';
import { grouped, num, seconds, short } from '../text/numbers';
import { formulaTex } from '../text/tex';
import { Omitted } from './omitted';

export function RoadsPanel() {
  const roads = doc.value?.reports.roads;
  if (!roads) return <Omitted what="roads" title="Four roads to a derivative" />;
  const { step_sizes: sizes, swell } = roads;
  const complex = sizes.complex_step_error === null ? null : num(sizes.complex_step_error);
  return (
    <div>
      <h2>Four roads to a derivative</h2>
      <p class="quiet">
        By {roads.entries.slice(0, 4).join(', ')}{roads.entries.length > 4 ? ', …' : ''}. Errors are relative to the largest
        entry, against {roads.reference}.
      </p>
      <Scroll name="four roads">
        <table class="roads">
          <thead><tr><th>road</th><th>value</th><th class="num">error</th><th class="num">time</th><th class="num"><abbr title="operations">ops</abbr></th></tr></thead>
          <tbody>
            {roads.roads.map((r) => (
              <>
                <tr key={r.method} class={`road ${r.road}`}>
                  <th scope="row"><strong>{r.road}</strong><br /><span>{r.method}</span></th>
                  <td class="values">{r.value ? r.value.slice(0, 3).map((x) => short(x, 6)).join(', ') + (r.value.length > 3 ? ', …' : '') : '–'}</td>
                  <td class="num">{r.error === null ? '–' : num(r.error) === 0 ? 'exact' : typeof r.error === 'number' ? r.error.toExponential(1).replace('-', '−') : short(r.error)}</td>
                  <td class="num">{seconds(r.seconds)}</td>
                  <td class="num">{r.operations === null ? '–' : grouped(r.operations)}</td>
                </tr>
                {r.remark && <tr class="remark"><td colSpan={5}>{r.remark}</td></tr>}
              </>
            ))}
          </tbody>
        </table>
      </Scroll>
      <h3>The error of differences over the step size</h3>
      <Chart logX logY xLabel="step size h" yLabel="relative error"
        series={[
          { name: 'forward differences', x: sizes.steps, y: sizes.forward_difference_errors.map(num), dots: true },
          { name: 'central differences', x: sizes.steps, y: sizes.central_difference_errors.map(num), dots: true },
        ]}
        flat={complex !== null && Number.isFinite(complex) ? { name: `complex step${complex === 0 ? ' (exact)' : ''}`, y: complex } : null} />
      <p>
        With a large step the curvature is left out; with a small one the digits cancel. No step is right for both. The complex
        step subtracts nothing, and automatic differentiation takes no step at all.
      </p>
      <h3>Expression swell</h3>
      <p>
        The graph has {grouped(swell.graph_operations)} operations. Written out as a formula, where nothing is shared, the function
        has {grouped(swell.formula_operations)}
        {swell.gradient_formula_operations !== null && <>, its derivatives {grouped(swell.gradient_formula_operations)}; the reverse
        sweep, function included, has {grouped(swell.reverse_operations)}</>}.
      </p>
      {swell.formula && swell.formula.length < 200 && (
        <div class="formulas">
          <Scroll name="the formula"><Tex block text={`f = ${formulaTex(swell.formula)}`} /></Scroll>
          {swell.gradient_formulas?.slice(0, 4).map((g, k) => (
            <Scroll name="a derivative of the formula" key={k}>{g.length < 300 ? <Tex block text={`\\frac{\\partial f}{\\partial ${formulaTex(roads.entries[k])}} = ${formulaTex(g)}`} /> : <code>{g.slice(0, 400)}…</code>}</Scroll>
          ))}
        </div>
      )}
      {roads.kinks.length > 0 && <p class="alarm">The function has a kink here, along {roads.kinks.slice(0, 6).join(', ')}: each method gives what its own rule says.</p>}
    </div>
  );
}

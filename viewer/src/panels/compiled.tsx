/** What wg.jit made of the function: kernels, their cost, their LLVM IR. */
import { useState } from 'preact/hooks';
import { doc, hulls, marked } from '../state';
import { bytes, grouped, seconds } from '../text/numbers';
import { reveal } from '../graph/view';

export function CompiledPanel() {
  const compiled = doc.value?.compiled;
  const [open, setOpen] = useState<number | null>(null);
  if (!compiled)
    return <div><h2>Compiled</h2><p class="quiet">Give the jitted function to see its kernels: <code>wg.view(wg.jit(f), ...)</code>.</p></div>;
  const total = compiled.steps.reduce((sum, s) => sum + (s.seconds ?? 0), 0);
  const slowest = Math.max(...compiled.steps.map((s) => s.seconds ?? 0), 1e-12);
  return (
    <div class="compiled">
      <h2>Compiled</h2>
      <p>
        {doc.value!.graph.equations.length} equations, {compiled.simplified} after simplification, in {compiled.steps.length} steps;{' '}
        {grouped(compiled.operations)} operations, {bytes(compiled.bytes)} moved, {bytes(compiled.arena)} of working memory;{' '}
        {seconds(compiled.seconds)} a call.
      </p>
      <label class="check"><input type="checkbox" checked={hulls.value} onChange={(e) => (hulls.value = e.currentTarget.checked)} /> kernels as hulls on the graph</label>
      {compiled.steps.map((s, k) => (
        <section key={k} class={`card kernel hue${k % 6}`}>
          <h3>
            {s.kind === 'python' ? 'interpreted' : `kernel ${k + 1}`}
            <span class="quiet"> {s.text}</span>
          </h3>
          <div class="bar">
            <span class="num">{seconds(s.seconds)}</span>
            <div class="track"><div class="forward" style={{ width: `${((s.seconds ?? 0) / slowest) * 100}%` }} /></div>
            <span class="num">{total && s.seconds !== null ? `${Math.round((s.seconds / total) * 100)} %` : '–'}</span>
          </div>
          <p class="row">
            <span>{grouped(s.operations)} operations, {bytes(s.bytes)}</span>
            {s.equations.length > 0 && <button type="button" class="plain" onClick={() => { s.equations.forEach((e) => reveal(`e${e}`)); marked.value = new Set(s.equations.map((e) => `e${e}`)); }}>{s.equations.length} equation{s.equations.length === 1 ? '' : 's'}</button>}
            {s.llvm && <button type="button" class="plain" aria-expanded={open === k} onClick={() => setOpen(open === k ? null : k)}>LLVM IR</button>}
          </p>
          {open === k && <pre class="code" tabIndex={0} role="region" aria-label={`LLVM IR of step ${k + 1}`}>{s.llvm}</pre>}
        </section>
      ))}
    </div>
  );
}

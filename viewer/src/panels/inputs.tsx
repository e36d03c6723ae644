/** Inputs, which can be changed where the page can run the graph itself, and the direction of forward mode. */
import { useState } from 'preact/hooks';
import type { Model } from '../model';
import { announcement, live, recordOf } from '../state';
import { OtherPath, numbers, run } from '../live/run';
import { ValueView } from '../text/arrays';
import { entries, num, short } from '../text/numbers';

const MOST_EDITABLE = 12;

function rerun(m: Model, inputs: number[][], direction: number[][]): string {
  const program = m.doc.program!;
  try {
    live.value = run(program, m.doc.sweeps.sends, inputs, direction);
    announcement.value = 'The graph has been run again.';
    return '';
  } catch (error) {
    if (error instanceof OtherPath) return `${error.message}: run it again in Python.`;
    throw error;
  }
}

function present(m: Model): { inputs: number[][]; direction: number[][] } {
  const program = m.doc.program!;
  return {
    inputs: live.value?.inputs ?? numbers(program.inputs),
    direction: live.value?.direction ?? numbers(program.direction),
  };
}

export function runnable(m: Model): boolean {
  return Boolean(m.doc.program && !m.doc.program.why);
}

export function Inputs({ m }: { m: Model }) {
  const [problem, setProblem] = useState('');
  const can = runnable(m);
  const program = m.doc.program;
  const change = (input: number, entry: number, to: number): void => {
    const { inputs, direction } = present(m);
    const fresh = inputs.map((value) => [...value]);
    fresh[input][entry] = to;
    setProblem(rerun(m, fresh, direction));
  };
  return (
    <section class="inputs">
      {m.doc.graph.inputs.map((input) => {
        const [name, shape, dtype] = m.doc.graph.values[input.value];
        const place = program && !program.why ? program.primal.inputs.indexOf(input.value) : -1;
        const editable = can && place >= 0 && input.role !== 'constant' && entries(shape) <= MOST_EDITABLE && dtype.startsWith('float');
        return (
          <div key={input.value} class="input">
            <div class="inputhead"><strong>{name}</strong><span class={`role ${input.role}`}>{input.role}</span></div>
            {editable
              ? <Fields values={recordOf('primal', input.value)?.v?.map((x) => num(x)) ?? []} columns={shape.at(-1) ?? 1}
                  name={name} onChange={(entry, to) => change(place, entry, to)} />
              : <ValueView record={recordOf('primal', input.value)} shape={shape} />}
          </div>
        );
      })}
      {problem && <p class="alarm" role="alert">{problem}</p>}
      {can && (
        <p class="quiet">
          Change a number: the page runs the graph and its derivatives again.{' '}
          {live.value && <button type="button" class="plain" onClick={() => { live.value = null; setProblem(''); }}>Back to the values from Python</button>}
        </p>
      )}
      {!can && program?.why && <p class="quiet">Inputs cannot be changed here: {program.why}.</p>}
    </section>
  );
}

export function Fields({ values, columns, name, onChange }: {
  values: number[]; columns: number; name: string; onChange: (entry: number, to: number) => void;
}) {
  return (
    <div class="fields" style={{ gridTemplateColumns: `repeat(${Math.min(columns, 4)}, minmax(0, 1fr))` }}>
      {values.map((value, k) => {
        const label = values.length === 1 ? name : `${name}, entry ${k + 1}`;
        return (
          <input key={k} type="number" step="any" aria-label={label} value={Number.isFinite(value) ? Number(value.toPrecision(12)) : ''}
            placeholder={short(value)}
            onChange={(event) => {
              const to = event.currentTarget.valueAsNumber;
              if (!Number.isNaN(to)) onChange(k, to);
            }} />
        );
      })}
    </div>
  );
}

export function Direction({ m }: { m: Model }) {
  const program = m.doc.program;
  const active = m.doc.graph.inputs.filter((input) => input.active);
  if (!runnable(m) || !program)
    return (
      <section>
        <h3>Direction</h3>
        {active.map((input) => {
          const [name, shape] = m.doc.graph.values[input.value];
          return <ValueView key={input.value} record={recordOf('tangent', input.value)} shape={shape} label={`tangent of ${name}`} kind="tangent" />;
        })}
        <p class="quiet">Another direction: <code>wg.view(f, ..., direction=...)</code>.</p>
      </section>
    );
  const { inputs, direction } = present(m);
  const change = (which: number, entry: number, to: number): void => {
    const fresh = direction.map((value) => [...value]);
    fresh[which][entry] = to;
    rerun(m, inputs, fresh);
  };
  const unit = (which: number, entry: number): void => {
    rerun(m, inputs, direction.map((value, k) => value.map((_, n) => (k === which && n === entry ? 1 : 0))));
  };
  const single = active.flatMap((input, k) => {
    const [name, shape] = m.doc.graph.values[input.value];
    const count = entries(shape);
    return Array.from({ length: count }, (_, n) => ({ k, n, label: count === 1 ? name : `${name}[${n}]` }));
  });
  return (
    <section class="direction">
      <h3>Direction</h3>
      {active.map((input, k) => {
        const [name, shape] = m.doc.graph.values[input.value];
        return entries(shape) <= MOST_EDITABLE ? (
          <div key={input.value} class="input">
            <div class="inputhead"><strong>tangent of {name}</strong></div>
            <Fields values={direction[k]} columns={shape.at(-1) ?? 1} name={`tangent of ${name}`} onChange={(n, to) => change(k, n, to)} />
          </div>
        ) : <ValueView key={input.value} record={recordOf('tangent', input.value)} shape={shape} label={`tangent of ${name}`} kind="tangent" />;
      })}
      {single.length <= MOST_EDITABLE && (
        <p class="row">Only{single.map(({ k, n, label }) => <button key={label} type="button" class="plain" onClick={() => unit(k, n)}>{label}</button>)}</p>
      )}
    </section>
  );
}

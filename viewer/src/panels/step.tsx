/** The current step: its rule as a formula, with the numbers in it, and the arrays that take part. */
import type { Sent } from '../document';
import type { Arrival, Model, Node } from '../model';
import { closed, current, enter, focus, go, insideOf, mode, model, picked, recordOf, sentRecord, step, steps } from '../state';
import { Tex } from '../text/Tex';
import { ValueView } from '../text/arrays';
import { substitution, valueTex } from '../text/names';
import { brief, entries, shapeText } from '../text/numbers';
import { formulaTex, nameTex } from '../text/tex';
import { Direction, Inputs } from './inputs';
import { PatternBadge } from './patterns';
import { kernelOf } from '../graph/summary';

export function StepPanel() {
  const m = model.value;
  const now = current.value;
  if (!m || !now) return null;
  const node = focus.value;
  const chosen = picked.value !== null && node !== null;
  return (
    <div class="steppanel">
      {chosen ? <Picked m={m} node={node} /> : <Now m={m} />}
    </div>
  );
}

function Now({ m }: { m: Model }) {
  const { phase, node } = current.value!;
  const n = m.equationNodes.length;
  switch (phase) {
    case 'inputs':
      return (
        <>
          <h2 class="phase forward">{mode.value === 'forward' ? 'Inputs and their tangents' : 'Inputs'}</h2>
          <p>
            {mode.value === 'forward'
              ? 'Forward mode runs the program once and carries a tangent along with every value: the derivative in one chosen direction.'
              : 'The forward pass begins with what is given. It computes the equations in the order of the schedule; the backward pass then goes through them in the opposite order.'}
          </p>
          <Inputs m={m} />
          {mode.value === 'forward' && <Direction m={m} />}
        </>
      );
    case 'forward':
      return <><h2 class="phase forward">Forward pass<Count k={step.value} n={n} /></h2><Primal m={m} node={node!} /><Doc m={m} node={node!} /></>;
    case 'tangent':
      return <><h2 class="phase tangent">Forward mode<Count k={step.value} n={n} /></h2><Primal m={m} node={node!} /><Tangent m={m} node={node!} /><Doc m={m} node={node!} /></>;
    case 'seed':
      return <Seed m={m} />;
    case 'backward':
      return (
        <>
          <h2 class="phase backward">Backward pass<Count k={step.value - n - 1} n={n} /></h2>
          <Backward m={m} node={node!} />
          <Enter equation={node!.equation} />
          <PatternBadge m={m} equation={node!.equation} explain />
        </>
      );
    case 'gradients':
      return <Gradients m={m} />;
    case 'result':
      return <Result m={m} />;
  }
}

function Count({ k, n }: { k: number; n: number }) {
  return <span class="count"> {k} of {n}</span>;
}

function names(m: Model, i: number): { name: string; shape: number[]; dtype: string } {
  const [name, shape, dtype] = m.doc.graph.values[i];
  return { name, shape, dtype };
}

/** A rule in names, and below it the same with numbers. */
function Rule({ left, formula, result, m, sign = '=' }: {
  left: string; formula: string; result: string | null; m: Model; sign?: string;
}) {
  const general = formulaTex(formula);
  const filled = formulaTex(formula, substitution(m));
  const equals = result && result !== filled ? `= ${result}` : '';
  const telling = equals !== '' || (filled !== general && filled.includes('bmatrix'));
  return (
    <div class="rule">
      <Tex block text={`${left} \\mathrel{${sign}} ${general}`} />
      {telling && (
        <Tex block text={filled !== general ? `\\phantom{${left}} = ${filled} ${equals}` : `\\phantom{${left}} ${equals}`} />
      )}
    </div>
  );
}

function Primal({ m, node }: { m: Model; node: Node }) {
  const equation = m.doc.graph.equations[node.equation];
  const arrays = [...new Set(equation.inputs)].filter((i) => entries(names(m, i).shape) > 1);
  return (
    <section>
      {node.values.map((i, k) => {
        const { name, shape } = names(m, i);
        return k === 0 && <Rule key={i} m={m} left={nameTex(name)} formula={equation.text} result={valueTex(recordOf('primal', i), shape)} />;
      })}
      {arrays.map((i) => (
        <ValueView key={i} record={recordOf('primal', i)} shape={names(m, i).shape} label={names(m, i).name} />
      ))}
      {node.values.map((i) => {
        const { name, shape } = names(m, i);
        const small = entries(shape) === 1 && node.values.length === 1;
        return small ? null : <ValueView key={i} record={recordOf('primal', i)} shape={shape} label={`${name} =`} />;
      })}
    </section>
  );
}

function Tangent({ m, node }: { m: Model; node: Node }) {
  return (
    <section class="tangent">
      {node.values.map((i) => {
        const { name, shape } = names(m, i);
        const text = m.doc.sweeps.tangent_text[i];
        const record = recordOf('tangent', i);
        if (!text || !record) return <p key={i} class="quiet">{name} does not depend on the inputs: its tangent is 0.</p>;
        return (
          <div key={i}>
            <Rule m={m} left={nameTex(`${name}_dot`)} formula={text} result={valueTex(record, shape)} />
            {entries(shape) > 1 && <ValueView record={record} shape={shape} label={`tangent of ${name}`} kind="tangent" />}
          </div>
        );
      })}
    </section>
  );
}

function Seed({ m }: { m: Model }) {
  const { outputs } = m.doc.graph;
  const scalar = outputs.length === 1 && outputs[0].role === 'loss';
  return (
    <>
      <h2 class="phase backward">The backward pass begins</h2>
      <p>
        {scalar
          ? 'The result is one number. Its adjoint, the derivative of the result by itself, is 1.'
          : 'The result is not one number, so the backward pass starts from a cotangent: it computes one row of the Jacobian, or a combination of rows.'}
      </p>
      {outputs.map((output, k) => {
        const { name, shape } = names(m, output.value);
        const seed = sentRecord(-1, k, m.doc.sweeps.seeds[k]);
        return (
          <section key={k}>
            <Tex block text={`${nameTex(output.name)} = ${nameTex(name)}${valueTex(recordOf('primal', output.value), shape) ? ` = ${valueTex(recordOf('primal', output.value), shape)}` : ''}`} />
            {seed && <Tex block text={`${nameTex(`${name}_bar`)} = ${valueTex(seed, shape) ?? '\\text{the seed}'}`} />}
            {entries(shape) > 1 && <ValueView record={recordOf('primal', output.value)} shape={shape} label={output.name} />}
            {entries(shape) > 1 && seed && <ValueView record={seed} shape={shape} label="seed" kind="adjoint" />}
          </section>
        );
      })}
    </>
  );
}

function Backward({ m, node }: { m: Model; node: Node }) {
  const sends = m.doc.sweeps.sends[node.equation];
  return (
    <section class="backward">
      {node.values.map((i) => {
        const { name, shape } = names(m, i);
        const record = recordOf('adjoint', i);
        if (!record) return <p key={i} class="quiet">No derivative flows through {name}.</p>;
        return (
          <div key={i} class="incoming">
            <h3>What comes in</h3>
            <Sum m={m} value={i} upTo={step.value} />
            {entries(shape) > 1 && <ValueView record={record} shape={shape} label={`adjoint of ${name}`} kind="adjoint" />}
          </div>
        );
      })}
      {sends.length > 0 && <h3>What is handed on</h3>}
      {sends.map((sent) => <Handed key={sent[0]} m={m} sent={sent} equation={node.equation} />)}
      {[...new Set(sends.map((sent) => sent[1]))].filter((i) => m.branches.has(i)).map((i) => (
        <div key={i} class="branch">
          <h3>Gradients add at the branch {names(m, i).name}</h3>
          <Sum m={m} value={i} upTo={step.value} />
        </div>
      ))}
    </section>
  );
}

function Handed({ m, sent, equation }: { m: Model; sent: Sent; equation: number }) {
  const [position, value, text, number] = sent;
  const { name, shape } = names(m, value);
  const record = sentRecord(equation, position, number);
  const sign = m.branches.has(value) ? '{+}{=}' : '=';
  return (
    <div class="handed">
      <Rule m={m} left={nameTex(`${name}_bar`)} sign={sign} formula={text} result={valueTex(record, shape)} />
      {entries(shape) > 1 && <ValueView record={record} shape={shape} label={`to ${name}`} kind="adjoint" />}
    </div>
  );
}

/** The adjoint of a value as the sum of what has arrived. */
function Sum({ m, value, upTo }: { m: Model; value: number; upTo: number }) {
  const { name, shape } = names(m, value);
  const arrivals = m.arrivals.get(value) ?? [];
  const bar = nameTex(`${name}_bar`);
  if (!arrivals.length) return <Tex block text={`${bar} = 0`} />;
  const tex = (a: Arrival): string =>
    a.step > upTo ? '\\square' : (valueTex(sentRecord(a.equation, a.sent[0], a.sent[3]), shape) ?? `\\text{from ${escapeName(m, a)}}`);
  const total = valueTex(recordOf('adjoint', value), shape);
  const done = arrivals.every((a) => a.step <= upTo);
  if (arrivals.length === 1) return <Tex block text={`${bar} = ${tex(arrivals[0])}`} />;
  const terms = arrivals.slice(0, 8).map(tex).map((t) => (t.startsWith('-') ? `\\left(${t}\\right)` : t));
  const more = arrivals.length > 8 ? ' + \\dots' : '';
  return (
    <>
      <Tex block text={`${bar} = ${terms.join(' + ')}${more}${done && total ? ` = ${total}` : ''}`} />
      {!done && <p class="quiet">{arrivals.filter((a) => a.step <= upTo).length} of {arrivals.length} contributions have arrived.</p>}
    </>
  );
}

function escapeName(m: Model, arrival: Arrival): string {
  if (arrival.equation < 0) return 'the seed';
  const [name] = m.doc.graph.values[m.doc.graph.equations[arrival.equation].outputs[0]];
  return name.replace(/[^\w.\[\] ]/g, '');
}

function Gradients({ m }: { m: Model }) {
  const inputs = m.doc.graph.inputs.filter((input) => input.active);
  return (
    <>
      <h2 class="phase backward">Gradients</h2>
      <p>The adjoint of an input is the derivative of the result by this input. One backward pass gives all of them.</p>
      {inputs.map((input) => {
        const { name, shape } = names(m, input.value);
        const record = recordOf('adjoint', input.value);
        return (
          <section key={input.value}>
            <Sum m={m} value={input.value} upTo={Infinity} />
            {entries(shape) > 1 && <ValueView record={record} shape={shape} label={`gradient by ${name}`} kind="adjoint" />}
          </section>
        );
      })}
      <Inputs m={m} />
    </>
  );
}

function Result({ m }: { m: Model }) {
  return (
    <>
      <h2 class="phase tangent">The result and its tangent</h2>
      {m.doc.graph.outputs.map((output, k) => {
        const { name, shape } = names(m, output.value);
        const tangent = recordOf('tangent', output.value);
        return (
          <section key={k}>
            <Tex block text={`${nameTex(output.name)} = ${nameTex(name)} ${tail(valueTex(recordOf('primal', output.value), shape))}`} />
            <Tex block text={`${nameTex(`${output.name}_dot`)} = ${nameTex(`${name}_dot`)} ${tail(valueTex(tangent, shape))}`} />
            {entries(shape) > 1 && <ValueView record={tangent} shape={shape} label="tangent" kind="tangent" />}
          </section>
        );
      })}
      <p>This is the derivative along the chosen direction: the Jacobian times the direction. A direction with a single 1 gives one column.</p>
      <Direction m={m} />
    </>
  );
}

function tail(value: string | null): string {
  return value ? `= ${value}` : '';
}

/** The way into a loop, a branch or a call. */
function Enter({ equation }: { equation: number }) {
  const inner = insideOf(equation);
  const why = closed(equation);
  if (why) return <p class="quiet">Its inside is not shown: {why}.</p>;
  if (!inner) return null;
  return (
    <p class="row">
      <button type="button" class="main" onClick={() => enter(equation)}>
        Look inside: {inner.title}{inner.count > 1 ? `, ${inner.count} ${inner.unit}s` : ''}
      </button>
    </p>
  );
}

function Doc({ m, node }: { m: Model; node: Node }) {
  const equation = m.doc.graph.equations[node.equation];
  const { shape, dtype } = names(m, node.values[0]);
  const kernel = kernelOf(m.doc, node.equation);
  return (
    <>
      <Enter equation={node.equation} />
      <p class="doc">
        <code>{equation.primitive}</code>: {m.doc.primitives[equation.primitive].doc}. Result: {shapeText(shape)}, {dtype}.
        {kernel && <> Compiled in {kernel.text}.</>}
      </p>
    </>
  );
}

/** A node that was clicked: all that is known of it. */
function Picked({ m, node }: { m: Model; node: Node }) {
  const backward = step.value > m.equationNodes.length;
  const at = m.stepOf(node, mode.value, backward);
  return (
    <>
      <h2 class="phase picked">
        {node.equation >= 0 ? names(m, node.values[0]).name : node.title}
        <span class="count"> {node.equation >= 0 ? `equation ${node.equation + 1}` : node.role}</span>
      </h2>
      <p class="row">
        <button type="button" onClick={() => go(at)}>Go to its step</button>
        {at !== step.value && <button type="button" class="plain" onClick={() => (picked.value = null)}>Back to step {step.value + 1} of {steps.value.length}</button>}
      </p>
      {node.equation >= 0 ? <Primal m={m} node={node} /> : node.values.map((i) => (
        <ValueView key={i} record={recordOf('primal', i)} shape={names(m, i).shape} label={`${names(m, i).name} =`} />
      ))}
      {node.values.map((i) => recordOf('adjoint', i) && (
        <section key={i}>
          <h3>Adjoint</h3>
          <Sum m={m} value={i} upTo={Infinity} />
          {entries(names(m, i).shape) > 1 && <ValueView record={recordOf('adjoint', i)} shape={names(m, i).shape} label={brief(recordOf('adjoint', i), names(m, i).shape)} kind="adjoint" />}
        </section>
      ))}
      {node.equation >= 0 && <Tangent m={m} node={node} />}
      {node.equation >= 0 && <PatternBadge m={m} equation={node.equation} explain />}
      {node.equation >= 0 && <Doc m={m} node={node} />}
    </>
  );
}

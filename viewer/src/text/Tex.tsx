import katex from 'katex';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { reachable } from './Scroll';

/** A formula, typeset; screen readers get its MathML. */
export function Tex({ text, block = false }: { text: string; block?: boolean }) {
  const place = useRef<HTMLSpanElement>(null);
  useLayoutEffect(() => {
    katex.render(text, place.current!, {
      displayMode: block, throwOnError: false, output: 'htmlAndMathml', trust: false, strict: false,
    });
    if (block) reachable(place.current!, 'formula');
  }, [text, block]);
  return <span class={block ? 'tex block' : 'tex'} ref={place} />;
}

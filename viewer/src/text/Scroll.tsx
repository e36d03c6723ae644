/** What may be wider than the window: where it is, it can be reached and scrolled by keyboard too. */
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';

/** Let an element have the focus as long as it has more than fits into it. */
export function reachable(element: HTMLElement, name: string): void {
  if (element.scrollWidth > element.clientWidth || element.scrollHeight > element.clientHeight) {
    element.tabIndex = 0;
    element.setAttribute('role', 'region');
    element.setAttribute('aria-label', name);
  } else for (const key of ['tabindex', 'role', 'aria-label']) element.removeAttribute(key);
}

export function Scroll({ name, children }: { name: string; children: ComponentChildren }) {
  const place = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => reachable(place.current!, name));
  return <div class="scroll" ref={place}>{children}</div>;
}

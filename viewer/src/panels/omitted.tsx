import { doc } from '../state';

export function Omitted({ what, title }: { what: string; title: string }) {
  const why = doc.value?.omitted.find(([name]) => name === what)?.[1];
  return <div><h2>{title}</h2><p class="quiet">Left out: {why ?? 'it belongs to whole programs'}.</p></div>;
}

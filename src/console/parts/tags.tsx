// Small labels: a state, a target with its labels, the effects of a statement. Production stands out.

import type { HoldState } from '../../api/contract.ts';
import { visibleLine } from '../visible.ts';
import { effectWords, isProduction, stateWords } from '../words.ts';
import type { Tone } from '../words.ts';
import type { ReactNode } from 'react';

export function Tag({ tone = 'plain', title, children }: { tone?: Tone; title?: string | undefined; children: ReactNode }) {
  return (
    <span className={`tag tone-${tone}`} title={title}>
      {children}
    </span>
  );
}

export function StateTag({ state }: { readonly state: HoldState }) {
  const words = stateWords(state);
  return <Tag tone={words.tone}>{words.text}</Tag>;
}

export function LabelTags({ labels }: { readonly labels: Readonly<Record<string, string>> }) {
  return Object.entries(labels).map(([name, value]) => (
    <Tag key={name} tone={isProduction({ [name]: value }) ? 'bad' : 'plain'} title={`${name}: ${value}`}>
      {name === 'env' ? value : `${name} ${value}`}
    </Tag>
  ));
}

/** Effects beyond this are counted, not drawn: a statement can have thousands. */
const effectsShownMax = 24;

export function EffectTags({ effects }: { readonly effects: readonly string[] }) {
  if (effects.length === 0) return <span className="dim">none</span>;
  return (
    <span className="tags">
      {effects.slice(0, effectsShownMax).map((effect, index) => {
        const words = effectWords(effect);
        return (
          <Tag key={index} tone={words.tone} title={visibleLine(effect)}>
            {words.verb}
            {words.object === '' ? null : <b className="mono">{visibleLine(words.object)}</b>}
          </Tag>
        );
      })}
      {effects.length > effectsShownMax ? <Tag>and {effects.length - effectsShownMax} more</Tag> : null}
    </span>
  );
}

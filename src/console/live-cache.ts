// What a live message changes in the cached answers of the API. Pure functions: the newest state of a thing wins, lists keep
// their order, and a settled hold never turns pending again because messages and answers crossed.

import type { HoldView, Page, SessionView } from '../api/contract.ts';
import type { SessionFilters } from './api.ts';

/** The list of pending holds after hearing of one: the one that expires first stands first. */
export function withHold(page: Page<HoldView> | undefined, hold: HoldView): Page<HoldView> | undefined {
  if (page === undefined) return undefined;
  const others = page.items.filter((item) => item.id !== hold.id);
  const items = hold.state === 'pending' ? [...others, hold] : others;
  return { ...page, items: byUrgency(items) };
}

/** Pending holds in the order in which they need an answer. */
export function byUrgency(holds: readonly HoldView[]): readonly HoldView[] {
  return [...holds].sort((a, b) => Date.parse(a.expires_at) - Date.parse(b.expires_at) || a.id.localeCompare(b.id));
}

/** The newer of what is known of one hold and what was just heard. */
export function newerHold(known: HoldView | undefined, heard: HoldView): HoldView {
  if (known === undefined || known.id !== heard.id) return heard;
  if (known.state !== 'pending' && heard.state === 'pending') return known;
  return heard.approvals.length < known.approvals.length && heard.state === 'pending' ? known : heard;
}

/** The parts of a list of sessions after hearing of one: a new one joins the first part, if it is among those that were asked for. */
export function withSession(
  parts: readonly Page<SessionView>[],
  session: SessionView,
  asked: SessionFilters,
): readonly Page<SessionView>[] {
  if (parts.some(({ items }) => items.some(({ id }) => id === session.id))) {
    return parts.map((part) => ({ ...part, items: part.items.map((item) => (item.id === session.id ? session : item)) }));
  }
  const [first, ...others] = parts;
  return first === undefined || !isAsked(session, asked) ? parts : [{ ...first, items: [session, ...first.items] }, ...others];
}

/** As the gateway chooses them. */
function isAsked(session: SessionView, { state, text, since, until }: SessionFilters): boolean {
  const { id, principal, target, protocol, client_address, database, method, end_reason } = session;
  const shown = [id, principal, target, protocol, client_address, database, method, end_reason].join('\n').toLowerCase();
  return (
    (state === '' || session.state === state) &&
    text
      .toLowerCase()
      .split(/\s+/)
      .every((word) => shown.includes(word)) &&
    (since === '' || session.ended_at === null || Date.parse(session.ended_at) >= Date.parse(since)) &&
    (until === '' || Date.parse(session.started_at) < Date.parse(until))
  );
}

/** Sessions in the order of the list: open first, then by start, latest first. */
export function openFirst(sessions: readonly SessionView[]): readonly SessionView[] {
  const rank = (session: SessionView): number => (session.state === 'open' ? 0 : 1);
  return [...sessions].sort((a, b) => rank(a) - rank(b) || Date.parse(b.started_at) - Date.parse(a.started_at));
}

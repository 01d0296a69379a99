// This browser's subscription to Web Push: made here, kept by the gateway.

import type { PushSubscriptionBody, PushView } from '../api/contract.ts';
import { request } from './api.ts';

export const pushApi = {
  view: (signal?: AbortSignal) => request<PushView>('GET', '/push', undefined, signal),
  remove: (browserId: string) => request<PushView>('DELETE', `/push/subscriptions/${encodeURIComponent(browserId)}`),
};

/** On iPhones only after the console was added to the home screen. */
export const hasPush = 'serviceWorker' in navigator && 'PushManager' in window && 'Notification' in window;

/** Asks the person, subscribes with the browser's push service, and tells the gateway. Throws in words. */
export async function subscribeHere(publicKey: string): Promise<PushView> {
  if ((await Notification.requestPermission()) !== 'granted') {
    throw new Error('The browser does not let this site show notifications: change that in its site settings.');
  }
  await navigator.serviceWorker.register('/sw.js', { scope: '/' });
  const { pushManager } = await navigator.serviceWorker.ready;
  const before = await pushManager.getSubscription();
  // One that was made for another key can't be used by this gateway.
  if (before !== null && keyOf(before) !== publicKey) await before.unsubscribe();
  const subscription = await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: publicKey });
  const { endpoint, keys } = subscription.toJSON();
  const body: PushSubscriptionBody = {
    name: browserName(),
    endpoint: endpoint ?? '',
    keys: { p256dh: keys?.['p256dh'] ?? '', auth: keys?.['auth'] ?? '' },
  };
  return request<PushView>('POST', '/push/subscriptions', body);
}

function keyOf({ options }: PushSubscription): string {
  const bytes = new Uint8Array(options.applicationServerKey ?? new ArrayBuffer(0));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '');
}

/** "Firefox on Android": so that people tell their browsers apart. */
function browserName(): string {
  const agent = navigator.userAgent;
  const browser = /Edg/.test(agent) ? 'Edge' : /Firefox/.test(agent) ? 'Firefox' : /Chrome/.test(agent) ? 'Chrome' : 'Safari';
  const system = /Android|iPhone|iPad|Windows|Mac OS|Linux/.exec(agent)?.[0] ?? 'this machine';
  return `${browser} on ${system}`;
}

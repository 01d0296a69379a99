// The console's service worker: shows what the gateway pushed, and opens the console when it is pressed. It keeps nothing and
// answers nothing.

self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));

self.addEventListener('push', (event) => {
  let told;
  try {
    told = event.data.json();
  } catch {
    told = {};
  }
  const { title = 'Sallyport', body = '', tag, url = '/', over = false } = told;
  // The same tag replaces the notification that asked: when it is over, nobody is asked any more.
  event.waitUntil(
    self.registration.showNotification(title, {
      body,
      tag,
      icon: '/favicon.svg',
      badge: '/favicon.svg',
      silent: over,
      renotify: !over && tag !== undefined,
      requireInteraction: !over,
      data: { url },
    }),
  );
});

self.addEventListener('notificationclick', (event) => {
  event.notification.close();
  const address = new URL(event.notification.data?.url ?? '/', self.location.origin);
  if (address.origin !== self.location.origin) return;
  event.waitUntil(
    self.clients.matchAll({ type: 'window' }).then((windows) => {
      const open = windows.find((it) => 'focus' in it);
      return open === undefined ? self.clients.openWindow(address.href) : open.navigate(address.href).then((it) => it?.focus());
    }),
  );
});

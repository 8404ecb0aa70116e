// The kiosk's service worker, served as /k/sw.js: pages of kiosks and what they load are at hand without a connection.
// Answers never pass through here: the page keeps them itself and sends each until the server has said that it took it.
const NAME = 'cx-kiosk-1', PATIENCE = 4e3;

addEventListener('install', () => skipWaiting());
addEventListener('activate', e => e.waitUntil(clients.claim()));

/** A page that has loaded says what it needs; files of earlier releases go. */
addEventListener('message', e => e.waitUntil((async () => {
  const wanted = (e.data?.keep ?? []).map(path => new URL(path, location.origin)).filter(url => url.origin === location.origin);
  if (!wanted.length) return;
  const cache = await caches.open(NAME), paths = new Set(wanted.map(url => url.pathname));
  await Promise.all(wanted.map(async url => {
    const found = await fetch(url).catch(() => null);
    if (found?.ok) await cache.put(url, found);
  }));
  for (const request of await cache.keys()) {
    const { pathname } = new URL(request.url);
    if (!pathname.startsWith('/k/') && !paths.has(pathname)) await cache.delete(request);
  }
})()));

/** From the server, unless it is away, slow, or (for a whole page) refuses: then as it was. */
async function fresh(request) {
  const cache = await caches.open(NAME);
  const stop = new AbortController(), timer = setTimeout(() => stop.abort(), PATIENCE);
  try {
    const found = await fetch(request, { signal: stop.signal });
    if (found.ok) await cache.put(request, found.clone());
    return found.ok || request.mode !== 'navigate' ? found : await cache.match(request) ?? found;
  } catch {
    return await cache.match(request) ?? Response.error();
  } finally {
    clearTimeout(timer);
  }
}

addEventListener('fetch', e => {
  const { request } = e, url = new URL(request.url);
  if (request.method !== 'GET' || url.origin !== location.origin) return;
  if (!url.pathname.startsWith('/k/')) e.respondWith(caches.match(request).then(found => found ?? fetch(request)));
  else if (!url.pathname.includes('/plain/')) e.respondWith(fresh(request));
});

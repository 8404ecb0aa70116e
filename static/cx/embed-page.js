// Inside the widget's frame: tells the page around it how tall this one is, that an answer came, that Esc was pressed.
// The frame is invisible until the first of these messages; what is told back once it was seen is counted by the server.
const body = document.body, state = body.dataset.embed, form = document.querySelector('form[data-draft]');
const tell = (cx, more) => parent.postMessage({ cx, ...more }, '*');
const height = () => tell('height', { h: Math.ceil(body.getBoundingClientRect().height) });

if (parent !== self) {
  new ResizeObserver(height).observe(body);
  height();
  if (state === 'done') tell('done');
  addEventListener('keydown', e => e.key === 'Escape' && !e.defaultPrevented && tell('close'));
  addEventListener('message', async e => {
    const seen = form?.elements.u;
    if (e.source !== parent || e.data?.cx !== 'shown' || !seen || form.elements.i.value) return;
    const r = await fetch(`${location.pathname}shown/`, { method: 'POST', body: new URLSearchParams(new FormData(form)) });
    if (r.ok) form.elements.i.value = (await r.json()).i;
    else if (r.status === 409) tell('close');
  });
}

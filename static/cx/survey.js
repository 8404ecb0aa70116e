// Progressive enhancement only: a draft kept on this device, and sending again when the connection is back.
// Whatever the server refuses (422, 410, ...) is sent once more as a plain form, so that its own page is shown.
const f = document.querySelector('form[data-draft]'), st = document.getElementById('st'), t = f.dataset;
const K = 'cx:' + location.pathname + '#' + f.elements.page.value, WEEK = 6048e5;
const store = run => { try { return run(localStorage); } catch { return null; } };
let busy = 0, timer;

const old = store(s => JSON.parse(s.getItem(K)));
if (old && Date.now() - old.at < WEEK) {
  for (const [name, value] of old.v) {
    for (const e of f.querySelectorAll(`[name="${CSS.escape(name)}"]`)) {
      if (e.type === 'radio') { if (e.value === value && !f.querySelector(`[name="${CSS.escape(name)}"]:checked`)) e.checked = true; }
      else if (e.type === 'checkbox') { if (e.value === value) e.checked = true; }
      else if (e.type !== 'hidden' && !e.value) e.value = value;
    }
  }
}
f.addEventListener('input', () => store(s => s.setItem(K, JSON.stringify({ at: Date.now(), v: [...new FormData(f)].filter(e => e[1] && e[1] === '' + e[1]) }))));

async function send(button) {
  if (busy) return;
  busy = 1;
  clearTimeout(timer);
  st.textContent = t.sending;
  const said = new FormData(f), body = f.enctype[0] === 'm' ? said : new URLSearchParams(said);
  if (button?.name) body.append(button.name, button.value);
  try {
    const r = await fetch(f.action, { method: 'POST', body, headers: { Accept: 'application/json' } });
    if (r.ok) {
      const { next } = await r.json();
      store(s => s.removeItem(K));
      location.assign(next);
    } else if (r.status === 429 || r.status > 499) {
      st.textContent = t.busy;
      timer = setTimeout(send, 1e3 * (+r.headers.get('Retry-After') || 15), button);
    } else {
      if (r.status === 410) store(s => s.removeItem(K));
      f.submit();
    }
  } catch {
    st.textContent = t.offline;
    timer = setTimeout(send, 3e4, button);
    addEventListener('online', () => send(button), { once: true });
  }
  busy = 0;
}
f.addEventListener('submit', e => { e.preventDefault(); send(e.submitter); });

if (t.provisional) {
  const undo = document.getElementById('undo'), score = f.querySelector('.s :checked')?.value;
  const tell = async fields => (await fetch(t.provisional, { method: 'POST', body: new URLSearchParams(fields) })).ok;
  let told = 0;
  const note = async basis => {
    if (told < (basis === 'dwell' ? 1 : 2) && score && document.visibilityState === 'visible') {
      told = basis === 'dwell' ? 1 : 2;
      if (await tell({ s: score, basis })) { st.textContent = t.noted.replace('{score}', score); undo.hidden = false; }
    }
  };
  for (const kind of ['pointerdown', 'keydown', 'scroll']) addEventListener(kind, e => e.isTrusted && note('interaction'), { passive: true });
  setTimeout(note, 5e3, 'dwell');
  undo.addEventListener('click', async () => { if (await tell({ undo: 1 })) { st.textContent = t.undone; undo.hidden = true; } });
}

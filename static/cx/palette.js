// Command palette: a dialog around the same search the page /palette/ has. htmx brings the results; arrows choose.
const dialog = document.getElementById('cx-palette');
const input = dialog?.querySelector('input[name=q]');
const list = dialog?.querySelector('.cx-pal-list');
const RECENT = dialog ? `cx-recent:${dialog.dataset.scope}` : '';
const KEPT = 8;

export function openPalette() {
  if (!dialog || dialog.open) return;
  dialog.showModal();
  input.value = '';
  showRecent();
  input.focus();
}

// Pages of this tab, newest first. sessionStorage: it ends with the tab, so nothing stays on a shared computer.
function recent() {
  try { return JSON.parse(sessionStorage.getItem(RECENT)) ?? []; } catch { return []; }
}
function remember() {
  const heading = document.querySelector('h1')?.textContent.trim();
  if (!RECENT || !heading) return;
  const here = { label: heading, group: document.querySelector('.cx-crumb li')?.textContent.trim() ?? '', url: location.pathname };
  const rest = recent().filter((item) => item.url !== here.url);
  try { sessionStorage.setItem(RECENT, JSON.stringify([here, ...rest].slice(0, KEPT))); } catch { /* storage is off */ }
}
const others = () => recent().filter((item) => item.url !== location.pathname && item.url.startsWith('/'));
const hasRecent = () => others().length > 0;
function showRecent() {
  const pages = others();
  list.replaceChildren();
  if (!pages.length) { input.dispatchEvent(new Event('cx-search')); return; }
  const head = document.createElement('div');
  head.className = 'g';
  head.textContent = dialog.dataset.recent;
  const group = document.createElement('div');
  group.setAttribute('role', 'group');
  group.setAttribute('aria-label', dialog.dataset.recent);
  for (const page of pages) {
    const link = document.createElement('a');
    link.href = page.url;
    link.setAttribute('role', 'option');
    const words = document.createElement('span');
    words.textContent = page.label;
    const where = document.createElement('span');
    where.className = 'cx-end';
    where.textContent = page.group;
    link.append(words, where);
    group.append(link);
  }
  list.append(head, group);
  mark(0);
}

const options = () => [...list.querySelectorAll('[role=option]')];
function mark(index) {
  const all = options();
  all.forEach((option, i) => {
    option.id = `cx-pal-${i}`;
    option.setAttribute('aria-selected', String(i === index));
  });
  if (all[index]) {
    input.setAttribute('aria-activedescendant', `cx-pal-${index}`);
    all[index].scrollIntoView({ block: 'nearest' });
  } else input.removeAttribute('aria-activedescendant');
}
const current = () => options().findIndex((option) => option.getAttribute('aria-selected') === 'true');

if (dialog) {
  remember();
  input.addEventListener('keydown', (event) => {
    const all = options();
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && all.length) { event.preventDefault(); mark((current() + step + all.length) % all.length); }
    if (event.key === 'Enter' && all[current()]) { event.preventDefault(); all[current()].click(); }
  });
  list.addEventListener('pointermove', (event) => {
    const index = options().indexOf(event.target.closest('[role=option]'));
    if (index >= 0 && index !== current()) mark(index);
  });
  document.addEventListener('htmx:after:swap', (event) => {
    if (event.detail?.ctx?.target !== list) return;
    if (!input.value.trim() && hasRecent()) showRecent(); else mark(0);
  });
}

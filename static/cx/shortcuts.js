// Keyboard shortcuts. Single letters do nothing while somebody types, and can be switched off for good (WCAG 2.1.4).
import { openPalette } from './palette.js';

const enabled = document.body.dataset.shortcuts !== 'off';
const typing = (element) => element?.closest?.('input:not([type=checkbox],[type=radio],[type=button],[type=submit]),textarea,select,[contenteditable],dialog[open]');
let waiting = 0; // until when a G waits for its second letter

function press(selector) {
  const target = document.querySelector(selector);
  if (!target) return false;
  if (target.matches('summary')) { target.parentElement.open = true; target.parentElement.querySelector('input,select')?.focus(); }
  else target.click();
  return true;
}

const rows = () => [...document.querySelectorAll('[data-row]')];
const currentRow = () => document.querySelector('[data-row][data-current]');
function step(by) {
  const all = rows();
  if (!all.length) return false;
  const old = currentRow();
  const at = old ? Math.max(0, Math.min(all.length - 1, all.indexOf(old) + by)) : 0;
  old?.removeAttribute('data-current');
  all[at].setAttribute('data-current', '');
  (all[at].querySelector('a[href]') ?? all[at]).focus({ preventScroll: true });
  all[at].scrollIntoView({ block: 'nearest' });
  return true;
}

const single = {
  '?': () => press('[data-dialog=cx-shortcuts]'),
  '/': () => {
    const field = document.querySelector('main input[type=search], main input[name=q]');
    if (field) field.focus(); else openPalette();
    return true;
  },
  c: () => press('[data-key=c]'),
  f: () => press('[data-key=f]'),
  j: () => step(1),
  k: () => step(-1),
  x: () => {
    const box = currentRow()?.querySelector('input[name=sel]');
    box?.click();
    return Boolean(box);
  },
  Enter: () => {
    const row = currentRow();
    const link = row?.querySelector('a[href]');
    if (!link || (document.activeElement !== document.body && !row.contains(document.activeElement))) return false;
    if (document.activeElement?.closest('a,button,input')) return false;
    link.click();
    return true;
  },
};

addEventListener('keydown', (event) => {
  if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === 'k') {
    event.preventDefault();
    openPalette();
    return;
  }
  if (!enabled || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || typing(event.target)) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (waiting > event.timeStamp) {
    waiting = 0;
    if (press(`.cx-nav a[data-go="${CSS.escape(key)}"]`)) event.preventDefault();
    return;
  }
  if (key === 'g') { waiting = event.timeStamp + 1500; return; }
  if (Object.hasOwn(single, key) && single[key]()) event.preventDefault();
});

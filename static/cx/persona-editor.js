// The editor of a persona: saves every field by itself with the tag it saw (If-Match), one after another; shows both
// values when somebody else was faster; lines are moved by drag, menu and Alt+arrows. Without it the form still saves.
import { showToast } from './toast.js';

const form = document.getElementById('persona-form');
const status = document.getElementById('cx-saved');
const dialog = document.getElementById('cx-conflict');
const queue = [];
let sending = false;
let leaving = null;
const WAIT = 900;

const parts = () => [...form.querySelectorAll('[data-field]')];
const inputs = (part) => [...part.querySelectorAll('input:not([type=hidden]),textarea,select')];
const isList = (part) => part.hasAttribute('data-lines');
const value = (part) => (isList(part) ? inputs(part).map((input) => input.value.trim()).filter(Boolean) : inputs(part)[0].value);
const text = (found) => (Array.isArray(found) ? found.join('\n') : found ?? '');

function say(state, more = '') {
  status.hidden = false;
  status.dataset.state = state;
  status.textContent = status.dataset[state] + (more ? ` · ${more}` : '');
}

function later(part) {
  clearTimeout(part.waiting);
  part.waiting = setTimeout(() => save(part), WAIT);
}

function save(part) {
  clearTimeout(part.waiting);
  const now = JSON.stringify(value(part));
  if (part.saved === now) return;
  if (!queue.includes(part)) queue.push(part);
  send();
}

async function send() {
  if (sending) return;
  sending = true;
  while (queue.length) {
    const part = queue[0];
    const sent = value(part);
    const body = new URLSearchParams();
    (Array.isArray(sent) ? sent : [sent]).forEach((item) => body.append('value', item));
    say('saving');
    let answer;
    try {
      answer = await fetch(`${form.dataset.fields}${part.dataset.field}/`, {
        method: 'POST', body,
        headers: { Accept: 'application/json', 'X-CSRFToken': form.elements.csrfmiddlewaretoken.value, 'If-Match': `"${part.dataset.tag}"` },
      });
    } catch {
      say('offline');
      await new Promise((again) => { setTimeout(again, 3000); addEventListener('online', again, { once: true }); });
      continue;
    }
    let found = null;
    try { found = await answer.json(); } catch { /* a sign-in page: the status says it */ }
    queue.shift();
    if (answer.ok && found) settle(part, sent, found);
    else if (answer.status === 412 && found) await choose(part, found);
    else refuse(part, found);
  }
  sending = false;
  if (leaving) { const go = leaving; leaving = null; go(); }
}

function settle(part, sent, found) {
  part.dataset.tag = found.tag;
  part.saved = JSON.stringify(sent);
  form.elements.revision.value = found.revision;
  forget(part);
  for (const [name, words] of [['cx-undo', found.undoable], ['cx-redo', found.redoable]]) {
    const button = document.getElementById(name);
    button.disabled = !words;
    button.title = button.dataset.word + (words ? `: ${words}` : '');
    button.querySelector('.cx-sr').textContent = button.title;
  }
  part.querySelectorAll('[data-line]').forEach((line) => {
    if (!found.levels[line.querySelector('input').value.trim()]) line.querySelector('[data-count]').replaceChildren();
  });
  if (JSON.stringify(value(part)) !== part.saved) queue.push(part);
  else say('saved', found.saved);
}

function refuse(part, found) {
  const message = found?.errors?.[0]?.message ?? found?.title ?? '';
  say('refused', message);
  const input = inputs(part)[0];
  const id = `e-${part.dataset.field}`;
  forget(part);
  input.setAttribute('aria-invalid', 'true');
  input.setAttribute('aria-errormessage', id);
  const line = document.createElement('span');
  line.className = 'cx-err';
  line.id = id;
  line.dataset.refused = '';
  line.textContent = message;
  (part.querySelector('.cx-stack') ?? part).append(line);
}

function forget(part) {
  part.querySelectorAll('[data-refused]').forEach((line) => line.remove());
  inputs(part).forEach((input) => { input.removeAttribute('aria-invalid'); input.removeAttribute('aria-errormessage'); });
}

// Both values side by side; nothing is sent before somebody has chosen.
function choose(part, found) {
  const mine = value(part);
  dialog.querySelector('[data-theirs]').textContent = text(found.theirs) || '–';
  dialog.querySelector('[data-mine]').textContent = text(mine) || '–';
  dialog.querySelector('[data-both]').hidden = !isList(part);
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise((done) => {
    dialog.addEventListener('close', () => {
      part.dataset.tag = found.tag;
      const both = [...(found.theirs ?? []), ...(Array.isArray(mine) ? mine : [])];
      if (dialog.returnValue === 'mine') queue.push(part);
      else if (dialog.returnValue === 'both') { fill(part, [...new Set(both)]); queue.push(part); }
      else { fill(part, found.theirs); part.saved = JSON.stringify(value(part)); say('saved'); }
      done();
    }, { once: true });
  });
}

function fill(part, found) {
  if (!isList(part)) { inputs(part)[0].value = found ?? ''; return; }
  part.querySelectorAll('[data-line]').forEach((line) => line.remove());
  found.forEach((item) => addLine(part, item));
}

// ----- lines
let lines = 1000;
function addLine(part, item) {
  const line = part.querySelector('template').content.firstElementChild.cloneNode(true);
  const menu = line.querySelector('[popover]');
  menu.id = `lm-${part.dataset.field}-${lines += 1}`;
  line.querySelector('[data-menu]').setAttribute('popovertarget', menu.id);
  line.querySelector('input').value = item;
  part.querySelector('[data-list]').append(line);
  number(part);
  return line;
}

function number(part) {
  const title = part.querySelector('h2').textContent;
  part.querySelectorAll('[data-line] > input').forEach((input, index) => input.setAttribute('aria-label', `${title}, ${index + 1}`));
}

function move(line, step) {
  const other = step < 0 ? line.previousElementSibling : line.nextElementSibling;
  if (!other) return;
  if (step < 0) other.before(line); else other.after(line);
  moved(line);
}
function moved(line) {
  const part = line.closest('[data-lines]');
  line.querySelector('input').focus();
  number(part);
  showToast(`${form.dataset.sayMoved} ${[...line.parentElement.children].indexOf(line) + 1}`);
  save(part);
}

function act(what, line) {
  const part = line.closest('[data-lines]');
  if (what === 'up' || what === 'down') move(line, what === 'up' ? -1 : 1);
  if (what === 'remove') {
    const next = line.nextElementSibling ?? line.previousElementSibling;
    line.remove();
    number(part);
    (next?.querySelector('input') ?? part.querySelector('[data-new]')).focus();
    showToast(form.dataset.sayRemoved);
    save(part);
  }
  if (what === 'evidence') {
    const item = line.querySelector('input').value.trim();
    if (!item) return;
    leave(() => { location.href = `${form.dataset.evidence}?${new URLSearchParams({ section: part.dataset.field, line: item })}`; });
  }
}

/** Send the whole form, for what no field saves by itself: the picture. */
function stay() {
  const wish = document.createElement('input');
  wish.type = 'hidden';
  wish.name = 'do';
  wish.value = 'stay';
  form.append(wish);
  form.submit();
}

/** Go only when everything is saved. */
function leave(go) {
  parts().forEach(save);
  if (sending) leaving = go; else go();
}

if (form) {
  document.body.dataset.live = '';
  parts().forEach((part) => { part.saved = JSON.stringify(value(part)); });
  form.addEventListener('input', (event) => {
    const part = event.target.closest('[data-field]');
    if (!part) return;
    if (event.target.matches('[data-new]') && event.target.value.trim()) return;
    if (event.target.value.trim() || !isList(part)) later(part);
  });
  form.addEventListener('change', (event) => {
    const part = event.target.closest('[data-field]');
    if (!part) { if (event.target.type === 'file' || event.target.name === 'remove_portrait') leave(stay); return; }
    if (event.target.matches('[data-new]') && event.target.value.trim()) { const item = event.target.value; event.target.value = ''; addLine(part, item); }
    save(part);
  });
  form.addEventListener('keydown', (event) => {
    const line = event.target.closest('[data-line]');
    const part = event.target.closest('[data-lines]');
    if (event.altKey && line && (event.key === 'ArrowUp' || event.key === 'ArrowDown')) { event.preventDefault(); move(line, event.key === 'ArrowUp' ? -1 : 1); }
    if (event.key === 'Enter' && event.target.matches('input') && part) {
      event.preventDefault();
      event.target.dispatchEvent(new Event('change', { bubbles: true }));
      part.querySelector('[data-new]').focus();
    } else if (event.key === 'Enter' && event.target.matches('input:not([type=file])')) { event.preventDefault(); if (event.target.closest('[data-field]')) save(event.target.closest('[data-field]')); }
  });
  form.addEventListener('click', (event) => {
    const button = event.target.closest('[data-do]');
    if (!button) return;
    event.preventDefault();
    button.closest('[popover]').hidePopover();
    act(button.dataset.do, button.closest('[data-line]'));
  });
  form.addEventListener('submit', (event) => { event.preventDefault(); parts().forEach(save); });
  document.querySelectorAll('[data-turn]').forEach((turn) => turn.addEventListener('submit', (event) => {
    event.preventDefault();
    delete turn.dataset.sent;
    leave(() => turn.submit());
  }));
  document.addEventListener('keydown', (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== 'z' || event.target.matches('input,textarea')) return;
    event.preventDefault();
    document.getElementById(event.shiftKey ? 'cx-redo' : 'cx-undo').click();
  });
  addEventListener('beforeunload', (event) => { if (sending || queue.length) event.preventDefault(); });

  // Dragging by the grip: the line follows the pointer within its list.
  let dragged = null;
  form.addEventListener('pointerdown', (event) => {
    const grip = event.target.closest('[data-grip]');
    if (!grip) return;
    dragged = grip.closest('[data-line]');
    dragged.dataset.dragged = '';
    dragged.from = [...dragged.parentElement.children].indexOf(dragged);
    grip.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  form.addEventListener('pointermove', (event) => {
    if (!dragged) return;
    const over = [...dragged.parentElement.children].find((line) => {
      const box = line.getBoundingClientRect();
      return line !== dragged && event.clientY > box.top && event.clientY < box.bottom;
    });
    if (!over) return;
    const box = over.getBoundingClientRect();
    if (event.clientY < box.top + box.height / 2) over.before(dragged); else over.after(dragged);
  });
  const drop = () => {
    if (!dragged) return;
    const line = dragged;
    dragged = null;
    delete line.dataset.dragged;
    if ([...line.parentElement.children].indexOf(line) !== line.from) moved(line);
  };
  form.addEventListener('pointerup', drop);
  form.addEventListener('pointercancel', drop);
}

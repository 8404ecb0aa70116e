// The survey editor. Everything it does is also a plain form of the page: this module sends the same fields without
// leaving the page, one change after another, and says which version of the part it saw (If-Match). It makes no markup:
// fragments are swapped by htmx, the few words it shows are text nodes.
//
// Markup: #builder[data-edit…][data-say-…] around #builder-main (outline and panel, swapped as one), forms with
// data-part and data-version in the panel, [data-question] in the outline, a#o-ID[data-select], #state, #cx-conflict.
import { showToast } from './toast.js';
import { wirePreview } from './survey-preview.js';

const TYPING_MS = 600;
const RETRY_FIRST_MS = 2000;
const RETRY_LAST_MS = 30000;

const builder = document.getElementById('builder');
const state = document.getElementById('state');
const say = (name) => builder.getAttribute(`data-say-${name}`);
const main = () => document.getElementById('builder-main');
const panelForm = () => document.getElementById('question-form');
const selected = () => main().dataset.selected;
const preview = wirePreview(builder, selected);

function show(text, bad = false) {
  state.textContent = text;
  state.toggleAttribute('data-bad', bad);
}

// -- sending ---------------------------------------------------------------------------------------------------------

const jobs = [];
let running = false;

/** Send a change after those before it. Resolves to the answer's body, to null when it was refused, to false after a conflict. */
function send(job) {
  return new Promise((resolve) => {
    jobs.push({ ...job, resolve });
    run();
  });
}

async function run() {
  if (running) return;
  running = true;
  let wait = RETRY_FIRST_MS;
  while (jobs.length) {
    const job = jobs[0];
    show(say('saving'));
    const answer = await request(job);
    if (!answer.status || answer.status === 429 || answer.status >= 500) {
      show(say('offline'), true);
      await pause(wait);
      wait = Math.min(wait * 2, RETRY_LAST_MS);
      continue;
    }
    wait = RETRY_FIRST_MS;
    jobs.shift();
    job.resolve(await settle(job, answer));
  }
  running = false;
}

async function request(job) {
  const headers = { Accept: 'application/json', 'X-CSRFToken': document.querySelector('[name=csrfmiddlewaretoken]').value };
  const version = job.form?.isConnected && job.form.dataset.version ? job.form.dataset.version : job.version;
  if (version) headers['If-Match'] = `"${version}"`;
  try {
    const response = await fetch(job.url, { method: job.method, headers, body: new URLSearchParams(job.fields) });
    const text = await response.text();
    let body = null;
    try { body = JSON.parse(text); } catch { /* Not ours: a sign-in page or a proxy's error. The status decides. */ }
    return { status: response.redirected ? 401 : response.status, body };
  } catch {
    return { status: 0, body: null };
  }
}

function pause(ms) {
  return new Promise((resolve) => {
    const done = () => { clearTimeout(timer); removeEventListener('online', done); resolve(); };
    const timer = setTimeout(done, ms);
    addEventListener('online', done);
  });
}

async function settle(job, { status, body }) {
  if (status === 200 && body) {
    if (job.form && body.part === job.form.dataset.part) setVersion(job.form, body.version);
    forgetErrors(job.form);
    show(body.saved);
    return body;
  }
  if (status === 412 && body) { await settleConflict(job, body); return false; }
  const message = body?.errors?.[0]?.message || body?.title;
  show(message ? `${say('refused')}: ${message}` : say('lost'), true);
  for (const error of body?.errors ?? []) markError(error);
  if (!job.form && message) showToast(message, { error: true });
  return null;
}

function setVersion(form, version) {
  form.dataset.version = version;
  form.elements.version.value = version;
}

function markError({ field, message }) {
  const input = document.getElementsByName(field)[0];
  if (!input) return;
  input.setAttribute('aria-invalid', 'true');
  const id = `e-${field}`;
  let line = document.getElementById(id);
  if (!line) {
    line = document.createElement('span');
    line.className = 'cx-err';
    line.id = id;
    input.after(line);
  }
  line.textContent = message;
  input.setAttribute('aria-describedby', id);
}

function forgetErrors(form) {
  for (const input of form?.querySelectorAll('[aria-invalid]') ?? []) {
    document.getElementById(input.getAttribute('aria-describedby'))?.remove();
    input.removeAttribute('aria-invalid');
    input.removeAttribute('aria-describedby');
  }
}

/** Both versions side by side; nothing is sent before somebody has chosen. */
function settleConflict(job, body) {
  const dialog = document.getElementById('cx-conflict');
  dialog.querySelector('[data-detail]').textContent = body.detail;
  const rows = body.rows.map((row) => {
    const line = document.createElement('tr');
    for (const text of [row.what, row.mine, row.theirs]) {
      const cell = document.createElement('td');
      cell.dir = 'auto';
      cell.textContent = text;
      line.append(cell);
    }
    return line;
  });
  dialog.querySelector('tbody').replaceChildren(...rows);
  show(say('conflict'), true);
  return new Promise((resolve) => {
    let mine = false;
    const takeMine = () => { mine = true; dialog.close(); };
    const takeTheirs = () => dialog.close();
    dialog.querySelector('[data-mine]').addEventListener('click', takeMine);
    dialog.querySelector('[data-theirs]').addEventListener('click', takeTheirs);
    dialog.addEventListener('close', () => {
      dialog.querySelector('[data-mine]').removeEventListener('click', takeMine);
      dialog.querySelector('[data-theirs]').removeEventListener('click', takeTheirs);
      if (mine) {
        if (job.form?.isConnected) setVersion(job.form, body.version);
        send({ ...job, version: body.version }).then((taken) => { if (taken) refresh(); });
      } else {
        // What else was on its way from the same form was typed on top of what is no longer there.
        for (const waiting of jobs.filter((other) => other.form && other.form === job.form)) {
          jobs.splice(jobs.indexOf(waiting), 1);
          waiting.resolve(false);
        }
        clearTimeout(timer);
        dirty.clear();
        refresh();
      }
      resolve();
    }, { once: true });
    dialog.showModal();
  });
}

addEventListener('beforeunload', (event) => { if (jobs.length || dirty.size) event.preventDefault(); });

// -- fragments -------------------------------------------------------------------------------------------------------

/** Draw outline and panel anew from the server. The focus stays on what it was on, or goes to `focus`. */
async function refresh(question = selected(), focus = '') {
  const url = `${builder.dataset.edit}?q=${encodeURIComponent(question)}`;
  const kept = focus || (main().contains(document.activeElement) ? document.activeElement.id : '');
  history.replaceState(null, '', url);
  await window.htmx.ajax('GET', url, { target: '#builder-main', swap: 'outerHTML' });
  document.getElementById(kept)?.focus();
  prepare();
  preview.draftChanged();
}

/** Only the outline and the advice: what is being typed in the panel is left alone. */
async function refreshOutline() {
  const url = `${builder.dataset.edit}?q=${encodeURIComponent(selected())}`;
  const kept = document.activeElement?.closest('.cx-sb-side') ? document.activeElement.id : '';
  await window.htmx.ajax('GET', url, { target: '.cx-sb-side', swap: 'outerHTML', select: '.cx-sb-side' });
  if (kept) document.getElementById(kept)?.focus();
  prepare();
  preview.draftChanged();
}

// -- what is typed ---------------------------------------------------------------------------------------------------

const dirty = new Set();
let timer;
let typedIn = null; // the field whose own undo Ctrl+Z belongs to

function fieldsOf(form, names) {
  const data = new FormData(form);
  const fields = [['part', form.dataset.part], ['q', form.elements.q?.value ?? '']];
  for (const name of names) for (const value of data.getAll(name)) fields.push([name, value]);
  return fields;
}

/** Send what was typed and is not sent yet. */
async function flush() {
  clearTimeout(timer);
  const form = panelForm();
  if (!dirty.size || !form) return null;
  const names = [...dirty];
  const rebuild = names.some((name) => document.getElementsByName(name)[0]?.hasAttribute('data-rebuild'));
  dirty.clear();
  const taken = await send({ method: 'PATCH', url: builder.dataset.edit, fields: fieldsOf(form, names), form });
  if (!taken) {
    if (taken === null && form.isConnected) names.forEach((name) => dirty.add(name));
    return null;
  }
  const renamed = names.find((name) => name.startsWith('id.'));
  if (renamed) await refresh(form.elements[renamed].value);
  else if (rebuild) await refresh();
  else if (!dirty.size) await refreshOutline();
  return taken;
}

builder.addEventListener('input', (event) => {
  const input = event.target;
  if (!input.closest('#question-form') || input.closest('[data-still]') || !input.name) return;
  typedIn = input;
  dirty.add(input.name);
  clearTimeout(timer);
  timer = setTimeout(flush, TYPING_MS);
});
builder.addEventListener('change', (event) => {
  const input = event.target;
  if (input.matches('[data-insert]')) { insert(input); return; }
  // A text that was left was sent already, unless it waits for a pause in the typing.
  if (!dirty.has(input.name)) return;
  clearTimeout(timer);
  timer = setTimeout(flush, 0);
});
builder.addEventListener('focusin', (event) => {
  if (event.target !== typedIn) typedIn = null;
  if (event.target.matches('#question-form .cx-sb-text :is(textarea,input)')) lastText = event.target;
});

let lastText = null;

/** Put a repeated word at the cursor of the text that was edited last, else at the end of the question's first one. */
function insert(select) {
  const token = select.value;
  const target = lastText?.isConnected ? lastText : panelForm().querySelector('.cx-sb-text textarea');
  select.value = '';
  if (!token || !target) return;
  target.setRangeText(token, target.selectionStart, target.selectionEnd, 'end');
  target.focus();
  target.dispatchEvent(new Event('input', { bubbles: true }));
}

// -- what is pressed -------------------------------------------------------------------------------------------------

/** Press a button of the editor: what was typed goes along, as in the form without scripts. */
async function press(fields, { form = null, version = '', focus = '' } = {}) {
  let typed = [];
  if (form) {
    clearTimeout(timer);
    typed = fieldsOf(form, [...dirty]).slice(2);
    dirty.clear();
  } else {
    await flush();
  }
  const taken = await send({ method: 'POST', url: builder.dataset.edit, fields: [...fields, ...typed], form, version });
  if (!taken) {
    if (taken === null && !form) await refresh();
    return;
  }
  await refresh(taken.focus || selected(), focus || (taken.focus && !form ? `o-${taken.focus}` : ''));
  if (taken.say) showToast(taken.say, taken.undoable ? { action: { label: say('undo'), run: () => walk(builder.dataset.undo) } } : {});
}

async function walk(url) {
  await flush();
  const taken = await send({ method: 'POST', url, fields: [] });
  if (!taken) return;
  await refresh(taken.focus || selected());
  if (taken.say) showToast(taken.say);
}

builder.addEventListener('submit', (event) => {
  const form = event.target;
  const button = event.submitter;
  if (button?.hasAttribute('formtarget')) return;
  event.preventDefault();
  event.stopPropagation();
  if (form.hasAttribute('data-walk')) { walk(form.action); return; }
  if (form.id === 'question-form') {
    if (button?.name !== 'do') { flush(); return; }
    const lines = button.dataset.lines ? document.getElementById(button.dataset.lines) : null;
    const fields = [['part', form.dataset.part], ['q', form.elements.q.value], ['do', button.value]];
    if (lines) fields.push([lines.name, lines.value]);
    press(fields, { form, focus: button.id });
    return;
  }
  if (form.matches('[popover]')) form.hidePopover();
  const data = new FormData(form, button);
  data.delete('csrfmiddlewaretoken');
  data.delete('version');
  const moves = ['up', 'down'].includes(button?.value);
  press([...data], { version: moves ? form.elements.version.value : '' });
});

// Publishing and every other form of the page wait until what was typed is saved.
const waited = new WeakSet();
document.addEventListener('submit', async (event) => {
  const form = event.target;
  const button = event.submitter;
  if (builder.contains(form) || form.method === 'dialog' || waited.has(form) || (!dirty.size && !running)) return;
  event.preventDefault();
  waited.add(form);
  await flush();
  while (running) await new Promise((resolve) => setTimeout(resolve, 50));
  if (!dirty.size) form.requestSubmit(button);
  waited.delete(form);
}, true);

// Another question: its link, without leaving the page.
document.addEventListener('click', async (event) => {
  const link = event.target.closest('a[data-select]');
  if (!link || !builder.contains(link) || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  await flush();
  history.pushState(null, '', link.href);
  await refresh(link.dataset.select, `o-${link.dataset.select}`);
});
addEventListener('popstate', () => location.reload());

// -- keyboard and pointer --------------------------------------------------------------------------------------------

document.addEventListener('keydown', (event) => {
  if (document.querySelector('dialog[open]')) return;
  if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === 'z') {
    // What is being typed is undone by the field itself; every other change by the server.
    if (typedIn && typedIn === document.activeElement && typedIn.matches('textarea,input:not([type=checkbox])')) return;
    event.preventDefault();
    walk(event.shiftKey ? builder.dataset.redo : builder.dataset.undo);
    return;
  }
  const item = event.target.closest?.('[data-question]');
  if (!item || !event.altKey || event.ctrlKey || event.metaKey || !['ArrowUp', 'ArrowDown'].includes(event.key)) return;
  event.preventDefault();
  move(item.dataset.question, [['do', event.key === 'ArrowUp' ? 'up' : 'down']]);
});

function move(question, fields) {
  const version = document.querySelector('[data-menu] [name=version]').value;
  press([['part', 'order'], ['q', question], ...fields], { version, focus: `o-${question}` });
}

function wireDrag() {
  if (!window.Sortable) return;
  const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
  for (const list of document.querySelectorAll('.cx-sb-list')) {
    if (window.Sortable.get(list)) continue;
    new window.Sortable(list, {
      group: 'questions',
      handle: '.cx-sb-grip',
      draggable: '.cx-sb-item',
      ghostClass: 'cx-ghost',
      animation: still ? 0 : 120,
      onEnd: ({ item, to, from, newDraggableIndex, oldDraggableIndex }) => {
        if (to === from && newDraggableIndex === oldDraggableIndex) return;
        move(item.dataset.question, [['do', 'move'], ['page', to.dataset.page], ['position', newDraggableIndex]]);
      },
    });
  }
}

/** What a freshly drawn fragment needs. */
function prepare() {
  wireDrag();
  for (const more of document.querySelectorAll('details[data-filled]')) more.open = true;
}

builder.dataset.live = '';
prepare();
if (!window.Sortable) addEventListener('load', wireDrag, { once: true });

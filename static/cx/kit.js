// The kit: what every page of the shell may use. No innerHTML, no eval; nothing here is needed to read or send a page.
import { openPalette } from './palette.js';
import { showToast } from './toast.js';
import './shortcuts.js';
import './bulk.js';

const byId = (id) => document.getElementById(id);

// Dialogs: <a href="/page/that/does/the/same/" data-dialog="id">, <button data-dialog="id">, <button data-close>.
document.addEventListener('click', (event) => {
  const opener = event.target.closest('[data-dialog]');
  if (opener && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    const dialog = byId(opener.dataset.dialog);
    if (dialog?.showModal) {
      event.preventDefault();
      if (dialog.id === 'cx-palette') openPalette();
      else dialog.showModal();
    }
    return;
  }
  const closer = event.target.closest('[data-close]');
  if (closer) closer.closest('dialog')?.close();
  // A click on the veil closes; the form inside is not lost, the dialog keeps its fields.
  if (event.target instanceof HTMLDialogElement && event.target.open) event.target.close();
});

// Copy: <div class="cx-copy"><code id="x">…</code><button data-copy="x">.
document.addEventListener('click', async (event) => {
  const button = event.target.closest('[data-copy]');
  if (!button) return;
  const source = byId(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.value ?? source.textContent.trim());
    showToast(button.dataset.copied || 'Copied.');
  } catch {
    const range = document.createRange();
    range.selectNodeContents(source);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
  }
});

// Confirm by typing: the submit buttons of the form wait until the text fits. The server checks it again.
function watchTyping(field) {
  const buttons = field.form?.querySelectorAll('[type=submit], button:not([type])') ?? [];
  const check = () => buttons.forEach((button) => { button.disabled = field.value.trim() !== field.dataset.confirm; });
  field.addEventListener('input', check);
  check();
}

// Forms: one submit only; the button says it is busy. Choices marked data-submit send their form when they change.
document.addEventListener('submit', (event) => {
  const form = event.target;
  // What goes into a frame leaves the page as it is, and may go again with every letter that is typed.
  if (event.defaultPrevented || form.method === 'dialog' || form.method === 'get' || event.submitter?.formTarget) return;
  if (form.dataset.sent) { event.preventDefault(); return; }
  form.dataset.sent = '1';
  event.submitter?.setAttribute('aria-busy', 'true');
  // An answer that is a file leaves the page as it is: the form opens again by itself.
  setTimeout(() => { delete form.dataset.sent; event.submitter?.removeAttribute('aria-busy'); }, 8000);
});
document.addEventListener('change', (event) => {
  if (event.target.matches('[data-submit]')) event.target.form?.requestSubmit();
});
// Back from the browser's page cache: forms can be sent again.
addEventListener('pageshow', (event) => {
  if (!event.persisted) return;
  document.querySelectorAll('form[data-sent]').forEach((form) => { delete form.dataset.sent; });
  document.querySelectorAll('[aria-busy]').forEach((button) => button.removeAttribute('aria-busy'));
});

// File drop areas: <label class="cx-drop"><input type="file">…<output></output></label>.
function watchDrop(area) {
  const input = area.querySelector('input[type=file]');
  const shown = area.querySelector('output');
  if (!input) return;
  const show = () => { if (shown) shown.textContent = [...input.files].map((file) => file.name).join(', '); };
  input.addEventListener('change', show);
  area.addEventListener('dragover', (event) => { event.preventDefault(); area.dataset.over = ''; });
  area.addEventListener('dragleave', () => { delete area.dataset.over; });
  area.addEventListener('drop', (event) => {
    event.preventDefault();
    delete area.dataset.over;
    if (event.dataTransfer.files.length) { input.files = event.dataTransfer.files; input.dispatchEvent(new Event('change', { bubbles: true })); }
  });
}

// Filter panels (details) close on Escape and on a click elsewhere.
document.addEventListener('keydown', (event) => {
  if (event.key !== 'Escape') return;
  const open = event.target.closest?.('details.cx-drop-d[open]');
  if (open) { open.open = false; open.querySelector('summary')?.focus(); }
});
document.addEventListener('click', (event) => {
  document.querySelectorAll('details.cx-drop-d[open]').forEach((panel) => { if (!panel.contains(event.target)) panel.open = false; });
});

// The theme button: the page changes at once, the choice is stored by the form's own POST.
document.addEventListener('submit', (event) => {
  const form = event.target;
  if (!form.matches('[data-theme-form]') || !event.submitter) return;
  event.preventDefault();
  const theme = event.submitter.value;
  document.documentElement.dataset.theme = theme;
  const body = new FormData(form, event.submitter);
  form.querySelectorAll('[name=theme]').forEach((button) => button.toggleAttribute('aria-current', button.value === theme));
  delete form.dataset.sent;
  event.submitter.removeAttribute('aria-busy');
  form.closest('[popover]')?.hidePopover();
  fetch(form.action, { method: 'POST', body, redirect: 'manual' }).catch(() => showToast(form.dataset.failed, { error: true }));
});

function prepare(root) {
  root.querySelectorAll?.('[data-confirm]').forEach(watchTyping);
  root.querySelectorAll?.('.cx-drop').forEach(watchDrop);
  root.querySelector?.('form:not([data-still]) .cx-summary')?.focus();
}
prepare(document);
document.addEventListener('htmx:after:swap', (event) => prepare(event.detail?.ctx?.target ?? event.target));
document.addEventListener('htmx:finally:request', (event) => {
  const form = event.target.closest?.('form');
  if (form) { delete form.dataset.sent; form.querySelectorAll('[aria-busy]').forEach((button) => button.removeAttribute('aria-busy')); }
});
document.addEventListener('htmx:error', () => showToast(document.body.dataset.offline, { error: true }));

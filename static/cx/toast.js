// Short messages at the bottom of the page. The region is role=status, so they are read out.
const SECONDS = 8;
const region = () => document.getElementById('cx-toasts');

function dismissLater(toast) {
  let timer = setTimeout(() => toast.remove(), SECONDS * 1000);
  // Nobody has to hurry: the clock stands still while the message is pointed at or holds the focus.
  const hold = () => clearTimeout(timer);
  const go = () => { timer = setTimeout(() => toast.remove(), SECONDS * 1000); };
  toast.addEventListener('pointerenter', hold);
  toast.addEventListener('pointerleave', go);
  toast.addEventListener('focusin', hold);
  toast.addEventListener('focusout', go);
}

// Show a message. `action` is {label, run} (Undo, for instance); `error` keeps it until it is closed.
export function showToast(text, { action = null, error = false } = {}) {
  const place = region();
  if (!place || !text) return null;
  const toast = document.createElement('div');
  toast.className = error ? 'cx-toast cx-toast-error' : 'cx-toast';
  const words = document.createElement('span');
  words.textContent = text;
  toast.append(words);
  if (action) {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = action.label;
    button.addEventListener('click', () => { toast.remove(); action.run(); });
    toast.append(button);
  }
  toast.append(closeButton(toast));
  place.append(toast);
  if (!error) dismissLater(toast);
  return toast;
}

function closeButton(toast) {
  const close = document.createElement('button');
  close.type = 'button';
  close.className = 'cx-toast-x';
  close.setAttribute('aria-label', region().dataset.close || 'Close');
  close.textContent = '×';
  close.addEventListener('click', () => toast.remove());
  return close;
}

// Messages the server wrote into the page.
region()?.querySelectorAll('.cx-toast').forEach((toast) => {
  toast.append(closeButton(toast));
  if (!toast.classList.contains('cx-toast-error')) dismissLater(toast);
});
// Messages the server sends with a fragment: HX-Trigger {"cx:toast": {"messages": [{"text", "error"}]}}.
document.addEventListener('cx:toast', (event) => {
  for (const message of event.detail?.messages ?? []) showToast(message.text, { error: message.error });
});

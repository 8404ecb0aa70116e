// The rule of a segment: the form works without this. It keeps the place after a row was added or removed, and has the
// count taken anew, because htmx put other inputs there. No markup is made here.
const count = (form) => form.dispatchEvent(new Event('change', { bubbles: true }));

let kept = '';
document.addEventListener('change', (event) => {
  if (event.target.matches?.('[data-rebuilds]')) kept = event.target.id;
});

new MutationObserver(() => {
  const builder = document.getElementById('builder');
  if (!builder || builder.dataset.seen) return;
  builder.dataset.seen = '1';
  const form = builder.closest('form');
  const row = builder.dataset.focus ? document.getElementById(builder.dataset.focus) : null;
  const target = row?.querySelector('select, input, button') ?? (kept && document.getElementById(kept));
  kept = '';
  target?.focus();
  count(form);
}).observe(document.getElementById('segment-form') ?? document.body, { childList: true, subtree: true });

// The one that the server drew needs nothing.
const first = document.getElementById('builder');
if (first) first.dataset.seen = '1';

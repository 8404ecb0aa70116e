// Selecting rows of a table: <form data-cx-bulk>, rows name=sel, the header box, a bar that appears when rows are selected.
function count(form) {
  const boxes = [...form.querySelectorAll('input[name=sel]')];
  const chosen = boxes.filter((box) => box.checked).length;
  const bar = form.querySelector('.cx-bulk');
  if (bar) {
    bar.hidden = chosen === 0;
    const label = bar.querySelector('[data-count]');
    if (label) label.textContent = label.dataset.count.replace('0', String(chosen));
  }
  const head = form.querySelector('[data-all]');
  if (head) {
    head.checked = chosen > 0 && chosen === boxes.length;
    head.indeterminate = chosen > 0 && chosen < boxes.length;
  }
}

document.addEventListener('change', (event) => {
  const form = event.target.closest?.('[data-cx-bulk]');
  if (!form) return;
  if (event.target.matches('[data-all]')) form.querySelectorAll('input[name=sel]').forEach((box) => { box.checked = event.target.checked; });
  count(form);
});
document.addEventListener('click', (event) => {
  const clear = event.target.closest('[data-clear]');
  const form = clear?.closest('[data-cx-bulk]');
  if (!form) return;
  form.querySelectorAll('input[name=sel]').forEach((box) => { box.checked = false; });
  count(form);
});
const all = () => document.querySelectorAll('[data-cx-bulk]').forEach(count);
all();
addEventListener('pageshow', all);
document.addEventListener('htmx:after:swap', all);

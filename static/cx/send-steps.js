// The steps of a sending: fields of another choice are folded away, and what is typed is shown half a second later.
// Without scripts all fields stand there, and the buttons under the message show it.
const folded = document.querySelectorAll('[data-when]');
const fold = () => folded.forEach(part => {
  const [name, ...values] = part.dataset.when.split(' ');
  const chosen = document.querySelector(`[name="${name}"]:checked`);
  part.hidden = Boolean(chosen) && !values.includes(chosen.value);
});
if (folded.length) {
  document.addEventListener('change', fold);
  fold();
}

const form = document.querySelector('form[data-send-preview]');
let timer;
let shown = form?.querySelector('button[name=show]');
const show = () => { if (shown) form.requestSubmit(shown); };
form?.addEventListener('click', event => {
  const button = event.target.closest('button[name=show]');
  if (button) shown = button;
});
form?.addEventListener('input', event => {
  clearTimeout(timer);
  timer = setTimeout(show, event.target.matches('select,[type=radio],[type=checkbox]') ? 0 : 500);
});
if (form) show();

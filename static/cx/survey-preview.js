// Live preview: what is typed is posted to the preview frame half a second later. Without scripts the buttons do it.
const form = document.querySelector('form[data-preview]');
let timer, button;
form?.addEventListener('focusin', e => { button = e.target.closest('section')?.querySelector('[name=preview_language]') ?? button; });
form?.addEventListener('input', () => {
  clearTimeout(timer);
  timer = setTimeout(() => (button ?? form.querySelector('[name=preview_language]'))?.click(), 500);
});

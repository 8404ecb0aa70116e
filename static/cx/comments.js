// “@” in a comment offers colleagues: type, arrows, Enter or Tab takes one, Escape closes. Plain typing works as well:
// the server reads the names. One list serves every text area of the page, those that htmx brings later too.
const SHOWN = 8;
const list = document.createElement('ul');
list.className = 'cx-menu cx-people';
list.id = 'cx-people';
list.setAttribute('role', 'listbox');
list.setAttribute('popover', 'manual');
let area = null;
let asked = 0;
let timer = 0;

const options = () => [...list.querySelectorAll('[role=option]')];
const chosen = () => options().findIndex((option) => option.getAttribute('aria-selected') === 'true');

// What stands between the last @ and the caret, if that is how a name begins.
function typed() {
  const before = area.value.slice(0, area.selectionStart);
  const found = /(?:^|[^\p{L}\p{N}_@])@([\p{L}\p{N}][^\n@]{0,40})?$/u.exec(before);
  return found ? found[1] ?? '' : null;
}

function mark(index) {
  options().forEach((option, i) => option.setAttribute('aria-selected', String(i === index)));
  const option = options()[index];
  if (!option) { area?.removeAttribute('aria-activedescendant'); return; }
  area.setAttribute('aria-activedescendant', option.id);
  option.scrollIntoView({ block: 'nearest' });
}

function close() {
  asked += 1;
  clearTimeout(timer);
  if (list.matches(':popover-open')) list.hidePopover();
  area?.removeAttribute('aria-activedescendant');
}

function show(people) {
  list.replaceChildren();
  people.slice(0, SHOWN).forEach((person, index) => {
    const option = document.createElement('li');
    option.id = `cx-person-${index}`;
    option.setAttribute('role', 'option');
    option.dataset.name = person.name;
    const name = document.createElement('span');
    name.dir = 'auto';
    name.textContent = person.name;
    const role = document.createElement('span');
    role.className = 'cx-muted cx-12';
    role.textContent = person.role;
    option.append(name, role);
    list.append(option);
  });
  if (!people.length) { close(); return; }
  list.setAttribute('aria-label', area.dataset.peopleLabel);
  area.after(list);
  area.setAttribute('aria-controls', list.id);
  if (!list.matches(':popover-open')) list.showPopover();
  const box = area.getBoundingClientRect();
  list.style.insetInlineStart = `${document.dir === 'rtl' ? innerWidth - box.right : box.left}px`;
  list.style.insetBlockStart = `${Math.min(box.bottom, innerHeight - list.offsetHeight - 8)}px`;
  mark(0);
}

async function ask(text) {
  const turn = ++asked;
  try {
    const answer = await fetch(`${area.dataset.people}?q=${encodeURIComponent(text)}`, { headers: { Accept: 'application/json' } });
    const body = answer.ok ? await answer.json() : { people: [] };
    if (turn === asked) show(body.people);
  } catch { if (turn === asked) close(); }
}

function take(name) {
  const start = area.value.slice(0, area.selectionStart).lastIndexOf('@') + 1;
  area.setRangeText(`${name} `, start, area.selectionStart, 'end');
  close();
  area.focus();
}

document.addEventListener('input', (event) => {
  const target = event.target;
  if (!target.matches?.('textarea[data-people]')) return;
  area = target;
  area.setAttribute('aria-autocomplete', 'list');
  const text = typed();
  clearTimeout(timer);
  if (text === null) close();
  else timer = setTimeout(() => ask(text), 120);
});
document.addEventListener('keydown', (event) => {
  if (event.target !== area || !list.matches(':popover-open')) return;
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const all = options();
  if (step) { event.preventDefault(); mark((chosen() + step + all.length) % all.length); }
  else if ((event.key === 'Enter' || event.key === 'Tab') && all[chosen()]) { event.preventDefault(); take(all[chosen()].dataset.name); }
  else if (event.key === 'Escape') { event.preventDefault(); event.stopPropagation(); close(); }
}, true);
document.addEventListener('focusout', (event) => { if (event.target === area) setTimeout(() => { if (document.activeElement !== area) close(); }, 150); });
list.addEventListener('pointerdown', (event) => event.preventDefault());
list.addEventListener('click', (event) => {
  const option = event.target.closest('[role=option]');
  if (option) take(option.dataset.name);
});

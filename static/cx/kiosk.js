// A kiosk: one question at a time on the whole screen, back to the start by itself, answers kept until they are taken.
// Each answer is a row of its own in localStorage, written before the thanks and removed only when the server has named
// it; its number is made here, so that sending it twice stores it once.
import { isBlank, visible } from './conditions.js';

const IDLE = 15, WARNED = 5, THANKS = 3e3, BEAT = 6e4, RETRY = 2e4, TAP = 250;
const { home, staff } = document.body.dataset, say = JSON.parse(staff), KEPT = `cx-kiosk:${home}:`;
const [head, main, foot, bar, dialog] = ['head', 'main', 'foot', 'bar', 'staff'].map(id => document.getElementById(id));

let plan, coming, words, language, answers = {}, at = 0, idle, busy = false, again = false, ended = false, left = false, lastSent = null, wide = false;

// -- building nodes ---------------------------------------------------------------------------------------------------

function make(name, more = {}, ...inside) {
  const { attributes = {}, ...rest } = more, node = Object.assign(document.createElement(name), rest);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...inside.filter(part => part !== null));
  return node;
}
const button = (text, onclick, more = {}) => make('button', { type: 'button', textContent: text, onclick, ...more });

/** A text in the language in use, with what was answered before put in its places. */
function text(texts) {
  const found = texts?.[language] ?? texts?.[language.split('-')[0]] ?? texts?.[plan.definition.languages[0]] ?? '';
  return found.replace(/\{\{([^{}]*)\}\}/g, (whole, inside) => {
    const match = inside.match(/^\s*(?:answers\.([\w-]+)|([a-z_.]+?)(?:\.[\w-]+)?)\s*(?:\|\s*default\s*:\s*"([^"]*)"\s*)?$/);
    if (!match) return whole;
    const value = match[1] ? spoken(match[1]) : match[2] === 'organization' ? plan.organization : '';
    return value || match[3] || '';
  });
}
function spoken(id) {
  const question = questions().find(one => one.id === id), label = one => text(question.choices?.find(c => c.id === one)?.label) || String(one);
  const value = answers[id];
  return isBlank(value) || typeof value === 'boolean' ? '' : [value].flat().map(label).join(', ').slice(0, 200);
}

// -- the way through the questions ------------------------------------------------------------------------------------

const questions = () => plan.definition.pages.flatMap(page => page.questions);

/** What is asked, step by step, as the answers so far lead: a matrix has one step a row. */
function steps() {
  const shown = new Set(visible(plan.definition, answers).filter(id => !plan.skip.includes(id)));
  return questions().filter(question => shown.has(question.id))
    .flatMap(question => question.type === 'matrix' ? question.rows.map(row => ({ question, row })) : [{ question }]);
}
const valueOf = ({ question, row }) => row ? answers[question.id]?.[row.id] : answers[question.id];

function put({ question, row }, value) {
  if (row) answers[question.id] = { ...answers[question.id], [row.id]: value };
  else answers[question.id] = value;
  if (isBlank(value)) row ? delete answers[question.id][row.id] : delete answers[question.id];
}

function forward(step) {
  const value = valueOf(step), needed = step.question.required;
  if (needed && (isBlank(value) || value === false)) return complain(words[step.row ? 'error_rows' : 'error_required']);
  at += 1;
  at < steps().length ? draw() : finish();
}

const complain = message => { main.querySelector('.bad').textContent = message; };

// -- drawing ----------------------------------------------------------------------------------------------------------

const SCALES = new Set(['nps', 'csat', 'ces', 'rating']);

function draw() {
  const all = plan.open ? steps() : [];
  if (!all.length) return notice(words.closed, words.closed_text);
  at = Math.min(at, all.length - 1);
  const step = all[at], { question, row } = step, last = at === all.length - 1, pick = value => { put(step, value); setTimeout(forward, TAP, step); };
  const h1 = make('h1', { textContent: text(question.title), id: 'q', tabIndex: -1 });
  const parts = [h1];
  if (row) parts.push(make('p', { className: 'sub', textContent: text(row.label), id: 'r' }));
  let moves = false;
  const named = { role: 'group', 'aria-labelledby': row ? 'q r' : 'q' };
  if (SCALES.has(question.type)) {
    const low = question.scale === 11 ? 0 : 1, points = Array.from({ length: question.scale }, (_, n) => low + n);
    const word = point => text(question.labels?.[point]);
    const spelled = points.every(word);
    moves = true;
    parts.push(make('div', { className: spelled ? 'list' : `scale n${question.scale}`, attributes: named }, ...points.map(point =>
      button(spelled ? `${point} · ${word(point)}` : point, () => press(point, pick), pressed(valueOf(step) === point, { point })))));
    if (!spelled && (word(low) || word(points.at(-1)))) {
      parts.push(make('div', { className: 'ends' }, make('span', { textContent: word(low) && `${low} = ${word(low)}` }),
        make('span', { textContent: word(points.at(-1)) && `${points.at(-1)} = ${word(points.at(-1))}` })));
    }
  } else if (question.type === 'choice' || row) {
    moves = true;
    parts.push(make('div', { className: 'list', attributes: named }, ...question.choices.map(choice =>
      button(text(choice.label), () => press(choice.id, pick), pressed(valueOf(step) === choice.id, { point: choice.id })))));
  } else if (question.type === 'multi_choice' || question.type === 'ranking') {
    const chosen = [...valueOf(step) ?? []];
    parts.push(make('div', { className: 'list', attributes: named }, ...question.choices.map(choice => {
      const mark = make('small'), one = button('', () => {
        const place = chosen.indexOf(choice.id);
        place < 0 ? chosen.push(choice.id) : chosen.splice(place, 1);
        put(step, [...chosen]);
        draw();
        main.querySelector(`[data-point="${CSS.escape(choice.id)}"]`)?.focus();
      }, pressed(chosen.includes(choice.id), { point: choice.id }));
      mark.textContent = !chosen.includes(choice.id) ? '' : question.type === 'ranking' ? chosen.indexOf(choice.id) + 1 : '✓';
      one.append(text(choice.label), mark);
      return one;
    })));
  } else if (question.type === 'consent') {
    const given = valueOf(step) === true, one = button('', () => { put(step, !given); draw(); main.querySelector('.list button').focus(); }, pressed(given));
    h1.className = 'say';
    one.append(text(question.title), make('small', { textContent: given ? '✓' : '' }));
    parts.splice(0, 1, make('h1', { className: 'say', id: 'q', tabIndex: -1, textContent: plan.organization }), make('div', { className: 'list' }, one));
  } else if (question.type !== 'statement') {
    const kind = { date: { type: 'date' }, number: { inputMode: 'decimal', autocomplete: 'off' } }[question.type];
    const box = make(kind ? 'input' : 'textarea', { ...kind ?? { rows: 4, maxLength: 4000 }, value: valueOf(step) ?? '', oninput: () => { put(step, box.value.trim()); label(); }, attributes: { 'aria-labelledby': 'q', dir: 'auto' } });
    parts.push(box);
  }
  parts.push(make('p', { className: 'bad', attributes: { role: 'alert' } }));
  main.replaceChildren(...parts);
  const answered = !isBlank(valueOf(step)), go = button('', () => forward(step), { className: 'go' });
  const must = question.required || question.type === 'statement' || question.type === 'consent';
  const label = () => { go.textContent = last ? words.send : must || !isBlank(valueOf(step)) ? words.next : words.skip; };
  label();
  foot.replaceChildren(...[
    at > 0 ? button(words.back, () => { at -= 1; draw(); }) : null,
    moves && !answered && question.required ? null : go,
    button(say.staff, askPin, { className: 'quiet', lang: 'en' }),
  ].filter(Boolean));
  drawHead();
  if (at > 0) h1.focus({ preventScroll: true });
  watch();
}
const pressed = (is, data = {}) => ({ attributes: { 'aria-pressed': is, ...data.point === undefined ? {} : { 'data-point': data.point } } });

function press(value, pick) {
  for (const one of main.querySelectorAll('[data-point]')) one.setAttribute('aria-pressed', one.dataset.point === String(value));
  pick(value);
}

function drawHead() {
  const others = plan.languages.filter(one => one.code !== language);
  head.replaceChildren(...[
    plan.logo ? make('img', { src: plan.logo, alt: '' }) : null,
    make('b', { textContent: plan.organization, dir: 'auto' }),
    others.length ? make('nav', { attributes: { 'aria-label': words.languages } }, ...others.map(one =>
      button(one.name, () => { speak(one.code); draw(); }, { lang: one.code, dir: one.direction }))) : null,
  ].filter(Boolean));
}

function notice(title, line = '', ...more) {
  main.replaceChildren(make('h1', { textContent: title, attributes: { role: 'status' } }), make('p', { className: 'say', textContent: line }), ...more);
  foot.replaceChildren(button(say.staff, askPin, { className: 'quiet', lang: 'en' }));
}

function speak(code) {
  const found = plan.languages.find(one => one.code === code) ?? plan.languages[0];
  language = found.code;
  words = found.texts;
  Object.assign(document.documentElement, { lang: found.code, dir: found.direction });
}

// -- back to the start ------------------------------------------------------------------------------------------------

function restart() {
  clearTimeout(idle);
  bar.replaceChildren();
  if (dialog.open) dialog.close();
  answers = {};
  at = 0;
  plan = coming ?? plan;
  if (ended) return notice(say.ended, `${say.waiting}: ${kept().length}`);
  speak(plan.language);
  draw();
}

/** Somebody may have gone away in the middle: asked after 15 s, given up after 20. */
function watch() {
  clearTimeout(idle);
  bar.replaceChildren();
  const begun = at > 0 || Object.keys(answers).length || language !== plan.language || dialog.open;
  if (begun && !left) idle = setTimeout(warn, IDLE * 1e3, WARNED);
}
function warn(seconds) {
  if (!seconds) return restart();
  const line = bar.querySelector('span') ?? make('span');
  line.textContent = `${words.still_there} ${words.seconds.replace('{n}', seconds)}`;
  if (!bar.firstChild) bar.append(line, button(words.go_on, watch));
  idle = setTimeout(warn, 1e3, seconds - 1);
}
for (const kind of ['pointerdown', 'keydown', 'input']) addEventListener(kind, e => plan && !bar.contains(e.target) && !main.querySelector('[data-thanks]') && watch(), { passive: true });

// -- keeping and sending ----------------------------------------------------------------------------------------------

function number() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('');
}

function finish() {
  const shown = new Set(visible(plan.definition, answers));
  const given = Object.fromEntries(Object.entries(answers).filter(([id]) => shown.has(id)));
  const id = number();
  try {
    localStorage.setItem(KEPT + id, JSON.stringify({ id, at: Date.now(), language, answers: given }));
  } catch {
    at = Math.max(0, at - 1);
    draw();
    return complain(words.no_room);
  }
  const thanks = plan.definition.thank_you ?? {};
  clearTimeout(idle);
  notice(text(thanks.title) || words.done, text(thanks.text));
  main.firstChild.dataset.thanks = '';
  foot.replaceChildren();
  head.querySelector('nav')?.remove();
  setTimeout(restart, THANKS);
  deliver();
}

/** What is kept on this device, the oldest first. */
function kept() {
  const found = [];
  for (let n = 0; n < localStorage.length; n += 1) {
    const key = localStorage.key(n);
    if (!key.startsWith(KEPT)) continue;
    try { found.push(JSON.parse(localStorage.getItem(key))); } catch { localStorage.removeItem(key); }
  }
  return found.sort((one, other) => one.at - other.at);
}

/** Send what is kept. What was refused waits until the survey has changed, or staff send it again. */
async function deliver(everything = false) {
  again = busy;
  if (busy || ended) return;
  busy = true;
  let wait = BEAT;
  try {
    const here = () => `${coming?.version}:${coming?.open}`;
    for (let more = true, first = true; more; first = false) {
      const due = kept().filter(one => !one.refused || (first && everything) || one.then !== here()).slice(0, plan?.most ?? 20);
      if (!due.length && !first) break;
      const sent = due.map(({ id, at: moment, language: code, answers: given }) => ({ id, at: moment, language: code, answers: given }));
      const answer = await fetch(`${home}answers/`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ now: Date.now(), answers: sent }) });
      if (answer.status === 410 || answer.status === 404) { ended = true; if (!Object.keys(answers).length) restart(); break; }
      if (!answer.ok) { wait = 1e3 * (+answer.headers.get('Retry-After') || RETRY / 1e3); break; }
      const told = await answer.json(), sentNow = new Map(due.map(one => [one.id, one]));
      const state = `${told.version}:${told.open}`;
      for (const { id, refused } of told.results) {
        if (!sentNow.has(id)) continue;
        if (refused) localStorage.setItem(KEPT + id, JSON.stringify({ ...sentNow.get(id), refused, then: state }));
        else localStorage.removeItem(KEPT + id);
      }
      lastSent = new Date();
      if (coming && state !== here()) await load();
      more = due.length > 0 && kept().some(one => !one.refused);
    }
  } catch { wait = RETRY; } finally { busy = false; }
  clearTimeout(deliver.next);
  deliver.next = setTimeout(deliver, again ? 0 : wait);
  again = false;
}
addEventListener('online', () => deliver());

// -- staff ------------------------------------------------------------------------------------------------------------

function askPin() {
  const input = make('input', { type: 'password', inputMode: 'numeric', autocomplete: 'off', id: 'pin', maxLength: 8 });
  const wrong = make('p', { className: 'bad', attributes: { role: 'alert' } });
  const form = make('form', { onsubmit: async e => {
    e.preventDefault();
    wrong.textContent = '';
    try {
      const answer = await fetch(`${home}leave/`, { method: 'POST', body: new URLSearchParams({ pin: input.value }) });
      if (answer.ok || answer.status === 410) return panel();
      wrong.textContent = answer.status === 429 ? say.often : say.wrong;
    } catch { wrong.textContent = say.offline; }
    input.value = '';
    input.focus();
  } }, make('h2', { textContent: say.title, id: 'staff-h' }), make('label', { textContent: say.pin, htmlFor: 'pin' }), input, wrong,
  make('button', { textContent: say.enter, className: 'go' }), button(say.cancel, () => dialog.close()));
  open(form);
}

function panel() {
  const all = kept(), refused = all.filter(one => one.refused), fact = (name, value) => [make('dt', { textContent: name }), make('dd', { textContent: value })];
  const codes = [...new Set(refused.map(one => one.refused))].join(', ');
  open(make('div', {}, make('h2', { textContent: say.title, id: 'staff-h' }),
    make('dl', {}, ...fact(say.waiting, all.length), ...fact(say.refused, refused.length ? `${refused.length} (${codes})` : 0), ...fact(say.sent, lastSent?.toLocaleTimeString() ?? say.never)),
    button(say.send, async () => { await deliver(true); panel(); }),
    button(say.full, () => document.documentElement.requestFullscreen?.().catch(() => {})),
    button(say.leave, leave, { className: 'go' }), button(say.cancel, () => dialog.close())));
}

function open(inside) {
  dialog.lang = 'en';
  dialog.dir = 'ltr';
  dialog.replaceChildren(inside);
  if (!dialog.open) dialog.showModal();
  watch();
}

function leave() {
  left = true;
  dialog.close();
  clearTimeout(idle);
  if (document.fullscreenElement) document.exitFullscreen();
  head.replaceChildren();
  main.replaceChildren(make('h1', { textContent: say.left, lang: 'en', dir: 'ltr' }));
  foot.replaceChildren(button(say.start, () => { left = false; restart(); }, { className: 'go', lang: 'en' }));
}
addEventListener('click', () => {
  if (!left && !wide && !dialog.open) { wide = true; document.documentElement.requestFullscreen?.().catch(() => {}); }
});
document.addEventListener('fullscreenchange', () => { wide = Boolean(document.fullscreenElement); });

// -- beginning --------------------------------------------------------------------------------------------------------

/** The questions as they are now, for whoever comes next; what the service worker kept when there is no connection. */
async function load() {
  const answer = await fetch(`${home}survey.json`).catch(() => null);
  if (answer?.status === 410) ended = true;
  if (!answer?.ok) return false;
  coming = await answer.json();
  if (!plan || (!at && !Object.keys(answers).length && !left && !main.querySelector('[data-thanks]') && !dialog.open)) restart();
  return true;
}

async function keepOffline() {
  const workers = navigator.serviceWorker;
  if (!workers) return;
  const only = { createScriptURL: () => '/k/sw.js' }, rule = globalThis.trustedTypes?.createPolicy('cx-kiosk', only) ?? only;
  await workers.register(rule.createScriptURL(''), { scope: '/k/' });
  const loaded = performance.getEntriesByType('resource').map(entry => new URL(entry.name)).filter(url => url.origin === location.origin && !url.pathname.startsWith('/k/'));
  (await workers.ready).active.postMessage({ keep: [home, `${home}survey.json`, `${home}manifest.webmanifest`, ...loaded.map(url => url.pathname)] });
  await navigator.storage?.persist?.();
}

const awake = () => document.visibilityState === 'visible' && navigator.wakeLock?.request('screen').catch(() => {});
document.addEventListener('visibilitychange', awake);
awake();
if (!await load()) main.replaceChildren(make('h1', { textContent: ended ? say.ended : say.unready, lang: 'en' }), make('p', { className: 'say', textContent: `${say.waiting}: ${kept().length}` }));
deliver();
keepOffline().catch(() => {});

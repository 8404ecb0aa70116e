// The bar of a workshop: a clock that follows the server's, the vote that is open, and the ballot. Without this module the
// bar says when the timer ends, and every button is a form. Nothing here knows of anybody's dots but the reader's own.
//
// Markup: #cx-workshop[data-state][data-vote][data-results][data-say-…] with [data-left], [data-guests], a[data-round],
// [data-say] and forms [data-quiet] whose buttons may carry data-when="running paused over"; #cx-ballot with buttons
// [name=place] of the value "<thing>:<dots>".
import { showToast } from './toast.js';

const POLL_MS = 2000;
const POLL_HIDDEN_MS = 20000;
const bar = document.getElementById('cx-workshop');
const say = (text) => { bar.querySelector('[data-say]').textContent = text; };
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_all, name) => values[name]);

let clock = null; // {now, at}: the server's time in ms at a moment of this page's own steady clock
let moment = null;
let timerSeen = '';
let ended = false;

const serverNow = () => clock.now + (performance.now() - clock.at);

function spell(seconds) {
  const hours = Math.floor(seconds / 3600);
  const rest = String(seconds % 60).padStart(2, '0');
  const minutes = Math.floor((seconds % 3600) / 60);
  return hours ? `${hours}:${String(minutes).padStart(2, '0')}:${rest}` : `${minutes}:${rest}`;
}

function tick() {
  if (!moment || ended) return;
  const { timer } = moment;
  let { state, left } = timer;
  if (timer.ends !== null && state !== 'paused') {
    left = Math.max(0, Math.ceil((timer.ends - serverNow()) / 1000));
    state = left ? 'running' : 'over';
  }
  const texts = { none: bar.dataset.sayNone, paused: fill(bar.dataset.sayPaused, { left: spell(left) }), over: bar.dataset.sayOver, running: spell(left) };
  const place = bar.querySelector('[data-left]');
  if (place.textContent !== texts[state]) place.textContent = texts[state];
  bar.dataset.timer = state;
  for (const button of bar.querySelectorAll('[data-when]')) button.hidden = !button.dataset.when.split(' ').includes(state);
  if (timerSeen === 'running' && state === 'over') {
    say(bar.dataset.sayEnd);
    showToast(bar.dataset.sayEnd);
  }
  timerSeen = state;
}

function showRound() {
  const link = bar.querySelector('[data-round]');
  const { round, last } = moment;
  const before = link.dataset.number ?? '';
  const now = round ? String(round.number) : '';
  link.hidden = !round && !last;
  link.classList.toggle('cx-btn-p', Boolean(round));
  if (round) {
    link.href = bar.dataset.vote;
    link.querySelector('span').textContent = fill(bar.dataset.sayVote, round);
  } else if (last) {
    link.href = `${bar.dataset.results}${last.number}/`;
    link.querySelector('span').textContent = fill(bar.dataset.sayResult, last);
  }
  if (now !== before) {
    if (now) say(fill(bar.dataset.sayOpened, round));
    else if (last) say(fill(bar.dataset.sayRevealed, last));
    link.dataset.number = now;
  }
  if (ballot && ballot.dataset.round !== now) closeBallot();
}

function show(state, at) {
  moment = state;
  clock = { now: state.now, at };
  bar.querySelector('[data-guests]').textContent = state.guests === 1 ? bar.dataset.sayGuest : fill(bar.dataset.sayGuests, { n: state.guests });
  showRound();
  tick();
}

// ----- dots of the last vote on a guest's board; members have them from the server, with a link

let lastDots = { number: 0, dots: {} };

async function learnDots() {
  const number = moment.last?.number;
  if (!bar.dataset.sayDots || !number || moment.round || number === lastDots.number) return;
  lastDots = { number, dots: {} };
  try {
    const { response, body } = await ask(`${bar.dataset.results}${number}/`);
    if (response.ok) lastDots = { number, dots: body.dots };
  } catch {
    lastDots = { number: 0, dots: {} };
  }
}

function drawDots() {
  const shown = moment.round ? {} : lastDots.dots;
  for (const old of document.querySelectorAll('[data-cast]')) if (!shown[old.dataset.cast]) old.remove();
  for (const [thing, n] of Object.entries(shown)) {
    const place = document.getElementById(`k-${thing}`) ?? document.querySelector(`[data-kind=step][data-id="${thing}"]`);
    if (!place) continue;
    let mark = place.querySelector('[data-cast]');
    if (!mark) {
      mark = document.createElement('span');
      mark.className = 'cx-tag cx-12';
      mark.dataset.cast = thing;
      mark.setAttribute('role', 'img');
      place.append(mark);
    }
    const text = `● ${n}`;
    if (mark.textContent !== text) mark.textContent = text;
    mark.setAttribute('aria-label', fill(bar.dataset.sayDots, { n }));
  }
}

function close() {
  ended = true;
  bar.dataset.closed = '';
  bar.querySelector('[data-left]').textContent = '';
  say(bar.dataset.sayClosed);
  showToast(bar.dataset.sayClosed, { error: true });
}

/** What could not be saved any more stays to be copied. */
function keep(text) {
  let list = bar.querySelector('[data-kept]');
  if (!list) {
    list = document.createElement('div');
    list.dataset.kept = '';
    list.className = 'cx-wkept cx-stack';
    const title = document.createElement('b');
    title.textContent = bar.dataset.sayKept;
    list.append(title);
    bar.append(list);
  }
  const box = document.createElement('textarea');
  box.className = 'cx-input';
  box.readOnly = true;
  box.rows = 2;
  box.dir = 'auto';
  box.value = text;
  box.setAttribute('aria-label', bar.dataset.sayKept);
  list.append(box);
}

document.addEventListener('cx:shut-out', (event) => { if (event.detail.text) keep(event.detail.text); });

async function ask(url, options = {}) {
  const sent = performance.now();
  const response = await fetch(url, { ...options, headers: { Accept: 'application/json', ...options.headers } });
  const body = await response.json();
  return { response, body, at: (sent + performance.now()) / 2 };
}

async function poll() {
  try {
    const { response, body, at } = await ask(bar.dataset.state);
    if (response.ok) {
      show(body, at);
      await learnDots();
      if (bar.dataset.sayDots) drawDots();
    } else if (response.status === 403 || response.status === 404 || response.status === 401) close();
  } catch {
    // No connection: the clock goes on, the next round asks again.
  }
  if (!ended) setTimeout(poll, document.hidden ? POLL_HIDDEN_MS : POLL_MS);
}

// The host's buttons, without leaving the board.
for (const form of bar.querySelectorAll('form[data-quiet]')) {
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    try {
      const { response, body, at } = await ask(form.getAttribute('action'), { method: 'POST', body: new URLSearchParams(new FormData(form, event.submitter)) });
      if (response.ok) show(body, at);
      else showToast(body.errors?.[0]?.message ?? body.title, { error: true });
    } catch {
      showToast(document.body.dataset.offline, { error: true });
    }
  });
}

// ----- the ballot

const ballot = document.getElementById('cx-ballot');

function closeBallot() {
  ballot.dataset.round = '';
  for (const button of ballot.querySelectorAll('[name=place]')) button.disabled = true;
  ballot.querySelector('#cx-left').textContent = ballot.dataset.sayOver;
}

function drawBallot(left) {
  ballot.querySelector('[data-dots]').textContent = left;
  for (const row of ballot.querySelectorAll('.cx-wthing')) {
    const mine = Number(row.querySelector('output').dataset.mine);
    row.querySelector('[data-less]').disabled = mine === 0;
    row.querySelector('[data-more]').disabled = left === 0 || mine >= Number(ballot.dataset.most);
  }
}

function setDots(row, dots) {
  const output = row.querySelector('output');
  output.dataset.mine = output.textContent = String(dots);
  const thing = row.id.slice(2);
  row.querySelector('[data-less]').value = `${thing}:${Math.max(0, dots - 1)}`;
  row.querySelector('[data-more]').value = `${thing}:${dots + 1}`;
}

let sending = Promise.resolve();

async function place(row, button) {
  const data = new FormData(ballot);
  data.set('place', button.value);
  try {
    const { response, body } = await ask(ballot.getAttribute('action'), { method: 'POST', body: new URLSearchParams(data) });
    if (!response.ok) {
      showToast(body.errors?.[0]?.message ?? body.title, { error: true });
      return;
    }
    setDots(row, body.dots);
    const hadFocus = document.activeElement === button;
    drawBallot(body.left);
    if (hadFocus && button.disabled) row.querySelector('[name=place]:not(:disabled)')?.focus();
  } catch {
    showToast(document.body.dataset.offline, { error: true });
  }
}

ballot?.addEventListener('submit', (event) => {
  event.preventDefault();
  const button = event.submitter;
  const row = button?.closest('.cx-wthing');
  if (row) sending = sending.then(() => place(row, button));
});

setInterval(tick, 250);
document.addEventListener('visibilitychange', () => { if (!document.hidden) tick(); });
poll();

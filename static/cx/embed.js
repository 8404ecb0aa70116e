// The web widget, served as /e/v1.js and loaded by sites of others:
//   <script type="module" src="https://cxm.example/e/v1.js" data-survey="TOKEN"></script>
// data-sample (1-100 %), data-trigger (delay, scroll, exit), data-after (seconds; with scroll: % of the page), data-again
// (days), data-mode="inline" with data-target (a selector), data-label, data-close-label, data-lang, data-user with
// data-user-hash; every other data-* is a hidden field of the survey. docs/collecting.md says what each does.
//
// The survey runs in a sandboxed frame of ours; the launcher is a shadow root with a constructed style sheet, so that a
// site may forbid styles altogether. Nothing is seen, and no focus is taken, before the frame says it has a question.
const BASE = new URL(import.meta.url).origin;
const DAY = 864e5, PATIENCE = 15e3, THANKS = 3e3, MOST = 20, LONGEST = 200;
const OURS = new Set(['survey', 'sample', 'trigger', 'after', 'again', 'mode', 'target', 'label', 'close-label', 'lang', 'user', 'user-hash']);
const CSS = `
:host{all:initial;position:fixed;inset-block-end:1rem;inset-inline-end:1rem;z-index:2147483000;inline-size:min(24rem,calc(100vw - 2rem));
 --bg:#fff;--line:#8A94A4;--ink:#566172;--focus:#0F766E;color-scheme:light dark}
@media (prefers-color-scheme:dark){:host{--bg:#12161D;--line:#6F7C90;--ink:#9AA6B8;--focus:#4CC9BB}}
:host([waiting]){visibility:hidden;pointer-events:none}
:host([inline]){position:static;display:block;inline-size:100%}
:host([inline][waiting]){display:block;block-size:0;overflow:hidden}
section{background:var(--bg);border:1px solid var(--line);border-radius:12px;box-shadow:0 8px 30px rgb(16 24 40/.2);overflow:hidden}
:host([inline]) section{border:0;box-shadow:none;border-radius:0}
header{display:flex;align-items:center;justify-content:space-between;block-size:44px;padding-inline-start:12px;font:600 14px/1.2 system-ui,sans-serif;color:var(--ink)}
:host([inline]) header{display:none}
header span{overflow:hidden;white-space:nowrap;text-overflow:ellipsis}
button{flex:none;inline-size:44px;block-size:44px;border:0;background:none;font:24px/1 system-ui,sans-serif;color:inherit;cursor:pointer}
button:focus-visible{outline:3px solid var(--focus);outline-offset:-4px;border-radius:10px}
iframe{display:block;inline-size:100%;block-size:8rem;border:0;max-block-size:min(35rem,calc(100vh - 6rem))}
:host([inline]) iframe{max-block-size:none}
@media (max-width:600px),(max-height:500px){:host(:not([inline])){inset-block-end:0;inset-inline:auto 0;inline-size:min(100vw,40rem)}
 :host(:not([inline])) section{border-radius:12px 12px 0 0;border-block-end:0}
 :host(:not([inline])) iframe{max-block-size:calc(33vh - 46px)}}`;

const stored = (key, value) => {
  try { return value === undefined ? localStorage.getItem(key) : localStorage.setItem(key, value); } catch { return null; }
};

/** The address of the frame: the survey, who it is, and the hidden fields. */
function address(script) {
  const d = script.dataset, url = new URL(`/e/${encodeURIComponent(d.survey)}/`, BASE), query = url.searchParams;
  const lang = d.lang || document.documentElement.lang;
  if (lang) query.set('lang', lang);
  if (d.user && d.userHash) { query.set('u', d.user); query.set('h', d.userHash); query.set('i', ''); }
  let left = MOST;
  for (const { name, value } of script.attributes) {
    const field = name.startsWith('data-') ? name.slice(5) : '';
    if (field && !OURS.has(field) && left-- > 0) query.set(field, value.slice(0, LONGEST));
  }
  return url;
}

class CxSurvey extends HTMLElement {
  connectedCallback() {
    if (this.shadowRoot) return;
    const d = this.script.dataset, root = this.attachShadow({ mode: 'open' }), sheet = new CSSStyleSheet();
    sheet.replaceSync(CSS);
    root.adoptedStyleSheets = [sheet];
    const make = (name, more) => Object.assign(document.createElement(name), more);
    const label = d.label || 'Feedback', section = make('section'), bar = make('header');
    section.setAttribute('role', 'region');
    section.setAttribute('aria-label', label);
    const close = make('button', { type: 'button', textContent: '×', onclick: () => this.close() });
    close.setAttribute('aria-label', d.closeLabel || 'Close');
    bar.append(make('span', { textContent: label }), close);
    const frame = this.frame = make('iframe', { title: label, referrerPolicy: 'no-referrer' });
    frame.setAttribute('sandbox', 'allow-forms allow-scripts allow-same-origin allow-popups allow-popups-to-escape-sandbox');
    frame.src = address(this.script);
    section.append(bar, frame);
    root.append(section);
    this.gone = new AbortController();
    const { signal } = this.gone;
    addEventListener('message', e => e.origin === BASE && e.source === frame.contentWindow && this.hear(e.data ?? {}), { signal });
    if (!this.hasAttribute('inline')) {
      addEventListener('keydown', e => e.key === 'Escape' && !e.defaultPrevented && !this.hasAttribute('waiting') && this.close(), { signal });
    }
    setTimeout(() => this.hasAttribute('waiting') && this.close(), PATIENCE);
  }

  /** What the frame says: how tall it is (the first time: that it has something to ask), an answer came, close. */
  hear({ cx, h }) {
    if (cx === 'height') {
      this.frame.style.blockSize = `${Math.min(Math.max(+h || 0, 48), 4000)}px`;
      if (this.hasAttribute('waiting')) {
        this.removeAttribute('waiting');
        stored(this.key, Date.now());
        this.frame.contentWindow.postMessage({ cx: 'shown' }, BASE);
      }
    } else if (cx === 'done') {
      this.dispatchEvent(new CustomEvent('cx:done', { bubbles: true, detail: { survey: this.script.dataset.survey } }));
      if (!this.hasAttribute('inline')) setTimeout(() => this.close(), THANKS);
    } else if (cx === 'close') this.close();
  }

  close() {
    this.gone.abort();
    this.remove();
  }
}
customElements.get('cx-survey') ?? customElements.define('cx-survey', CxSurvey);

/** Run `show` when the visitor has stayed, scrolled or turns to leave; once. */
function wait({ trigger, after }, show) {
  const once = new AbortController(), { signal } = once, fire = () => { once.abort(); show(); };
  const amount = Number.isFinite(+after) && after !== undefined ? +after : 5;
  if (trigger === 'scroll') {
    const far = () => {
      const { scrollHeight, clientHeight } = document.documentElement;
      if (scrollY >= (scrollHeight - clientHeight) * Math.min(amount, 100) / 100) fire();
    };
    addEventListener('scroll', far, { passive: true, signal });
    far();
  } else if (trigger === 'exit') {
    setTimeout(() => {
      document.addEventListener('mouseout', e => !e.relatedTarget && e.clientY <= 0 && fire(), { signal });
      document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && fire(), { signal });
    }, amount * 1e3);
  } else setTimeout(fire, amount * 1e3);
}

for (const script of document.querySelectorAll('script[data-survey]')) {
  if (!script.src.startsWith(`${BASE}/e/v1.js`)) continue;
  const d = script.dataset, survey = Object.assign(document.createElement('cx-survey'), { script, key: `cx:${d.survey}` });
  survey.setAttribute('waiting', '');
  if (d.mode === 'inline') {
    survey.setAttribute('inline', '');
    const target = d.target && document.querySelector(d.target);
    target ? target.append(survey) : script.after(survey);
    continue;
  }
  const again = Number.isFinite(+d.again) && d.again ? +d.again : 90;
  if (Date.now() - stored(survey.key) < again * DAY) continue;
  if (Math.random() * 100 >= (+d.sample || 100)) stored(survey.key, Date.now());
  else wait(d, () => document.body.append(survey));
}

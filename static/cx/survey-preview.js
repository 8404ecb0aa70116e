// The phone beside the editor: it follows the question that is edited, keeps its language, can be dark, and tells the
// outline which questions the answers given on it lead past. The frame holds the real respondent pages; it works by
// links and forms without this.
import { isBlank, visible } from './conditions.js';

const RELOAD_MS = 150;

/** What the form in the frame says, by question id, as the server would read it. */
function answersIn(form, definition) {
  const data = new FormData(form);
  const answers = {};
  try { Object.assign(answers, JSON.parse(data.get('so_far') || '{}')); } catch { /* Nothing was answered before. */ }
  const types = new Map(definition.pages.flatMap((page) => page.questions).map((question) => [question.id, question]));
  for (const [id, question] of types) {
    const name = `q-${id}`;
    if (!form.querySelector(`[name="${CSS.escape(name)}"],[name^="${CSS.escape(`${name}.`)}"]`)) continue;
    const value = data.get(name);
    if (question.scale || question.type === 'number') answers[id] = value ? Number(value) : null;
    else if (question.type === 'multi_choice') answers[id] = data.getAll(name);
    else if (question.type === 'consent') answers[id] = value === '1';
    else if (question.type === 'matrix' || question.type === 'ranking') {
      answers[id] = Object.fromEntries([...data].filter(([key, chosen]) => key.startsWith(`${name}.`) && chosen));
      if (question.type === 'ranking') answers[id] = Object.keys(answers[id]).map((key) => key.slice(name.length + 1));
    } else answers[id] = value;
    if (isBlank(answers[id])) delete answers[id];
  }
  return answers;
}

export function wirePreview(builder, selected) {
  const frame = document.getElementById('preview');
  let language = '';
  let theme = '';
  let definition = null;
  let timer;

  const address = () => {
    const query = new URLSearchParams();
    if (language) query.set('lang', language);
    if (theme) query.set('theme', theme);
    if (!selected().startsWith('~')) query.set('at', selected());
    return `${builder.dataset.preview}?${query}`;
  };

  /** The links above the phone keep what is chosen there. */
  function aim() {
    const current = new URLSearchParams(address().split('?')[1]);
    for (const link of builder.querySelectorAll('.cx-sb-phonebar a')) {
      const query = new URLSearchParams(current);
      if (link.dataset.language) query.set('lang', link.dataset.language);
      if (link.dataset.themeOf) query.set('theme', link.dataset.themeOf);
      if (link.hasAttribute('data-walk-through')) query.delete('at');
      link.href = `${builder.dataset.preview}?${query}`;
    }
  }

  async function markPath() {
    const form = frame.contentDocument?.querySelector('form[data-draft]');
    if (!form) return;
    try {
      definition ??= await (await fetch(builder.dataset.export, { headers: { Accept: 'application/json' } })).json();
    } catch {
      return;
    }
    const shown = new Set(visible(definition, answersIn(form, definition)));
    for (const item of document.querySelectorAll('[data-question]')) {
      const skipped = !shown.has(item.dataset.question);
      item.toggleAttribute('data-skipped', skipped);
      item.title = skipped ? builder.getAttribute('data-say-skipped') : '';
    }
  }

  frame.addEventListener('load', () => {
    const page = frame.contentDocument;
    if (!page) return;
    language = page.documentElement.lang || language;
    theme = page.querySelector('link[data-dark]') ? 'dark' : 'light';
    for (const link of builder.querySelectorAll('.cx-sb-phonebar [data-language],.cx-sb-phonebar [data-theme-of]')) {
      const on = link.dataset.language === language || link.dataset.themeOf === theme;
      if (on) link.setAttribute('aria-current', 'true');
      else link.removeAttribute('aria-current');
    }
    aim();
    page.addEventListener('change', markPath);
    page.addEventListener('submit', () => setTimeout(markPath, 0));
  });

  return {
    /** The draft is another: draw the frame anew, at the question that is edited. */
    draftChanged() {
      definition = null;
      clearTimeout(timer);
      timer = setTimeout(() => {
        aim();
        frame.contentWindow?.location.replace(address());
      }, RELOAD_MS);
    },
  };
}

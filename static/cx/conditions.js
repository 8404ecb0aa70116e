// Conditions of a survey, evaluated in the browser: the same rules as apps/surveys/answers.py, held together by
// tests/surveys/condition_vectors.json. Used by the builder's walk-through and by the kiosk, which works offline.
//
// evaluate(condition, answers): whether a question with this condition (documented JSON, or nothing) is shown.
// visible(definition, answers): the ids of the questions these answers lead through, in order; what a hidden question
//   was answered earlier counts for nothing.
// screens(definition, answers): the same, screen by screen.
// `answers` holds values by question id, as the API takes them, and those of hidden fields.

// White space as the server strips it: \s of JavaScript has another idea of a few characters.
const BLANK_TEXT = /^[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*$/;

/** Whether an answer says nothing: absent, an empty or white text, an empty list or object. */
export function isBlank(value) {
  if (value === undefined || value === null) return true;
  if (typeof value === 'string') return BLANK_TEXT.test(value);
  return typeof value === 'object' && Object.keys(value).length === 0;
}

/** One character with its case folded (Unicode, full): what the alphabet calls the same letter becomes the same. */
function foldCharacter(character) {
  const code = character.codePointAt(0);
  if (code < 0x80) return character.toLowerCase();
  if (code === 0x131) return character;
  if (code === 0x1e9e) return 'ss';
  if (code >= 0x13a0 && code <= 0x13f5) return character;
  if (code >= 0x13f8 && code <= 0x13fd) return String.fromCodePoint(code - 8);
  if (code >= 0xab70 && code <= 0xabbf) return String.fromCodePoint(code - 0xab70 + 0x13a0);
  // Letter by letter: a whole word would be lowered by its context (a sigma at its end).
  return Array.from(character.toUpperCase(), (letter) => letter.toLowerCase()).join('');
}

/** A text made comparable without regard to case, as Python's str.casefold does it. */
export function foldCase(text) {
  return Array.from(text, foldCharacter).join('');
}

const plain = (value) => (typeof value === 'boolean' ? Number(value) : value);

/** Equality of single values: 7 equals 7.0, and never "7". */
const same = (a, b) => plain(a) === plain(b);

const ORDER = {
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
};

function contains(answer, value) {
  if (typeof answer === 'string') return foldCase(answer).includes(foldCase(String(value)));
  if (Array.isArray(answer)) return answer.some((entry) => same(entry, value));
  return typeof answer === 'object' && Object.hasOwn(answer, value);
}

function holds(rule, answers) {
  const answer = Object.hasOwn(answers, rule.question) ? answers[rule.question] : null;
  const blank = isBlank(answer);
  if (rule.op === 'answered') return blank !== Boolean(rule.value ?? true);
  if (rule.op === '!=') return blank || !same(answer, rule.value);
  if (blank) return false;
  if (rule.op === '=') return same(answer, rule.value);
  if (rule.op === 'in') return rule.value.some((value) => same(answer, value));
  if (rule.op === 'contains') return contains(answer, rule.value);
  return typeof answer === typeof rule.value && Boolean(ORDER[rule.op]?.(answer, rule.value));
}

/** Whether a question with this condition is shown. */
export function evaluate(condition, answers) {
  if (!condition) return true;
  return 'all' in condition
    ? condition.all.every((rule) => holds(rule, answers))
    : (condition.any ?? []).some((rule) => holds(rule, answers));
}

/** What counts of these answers: hidden fields, and the questions that the answers before them show. */
function counted(definition, answers) {
  const known = {};
  const shown = new Set();
  const take = (id) => { if (Object.hasOwn(answers, id) && !isBlank(answers[id])) known[id] = answers[id]; };
  for (const field of definition.hidden ?? []) take(field.id);
  for (const page of definition.pages) {
    for (const question of page.questions) {
      if (!evaluate(question.show_if, known)) continue;
      shown.add(question.id);
      take(question.id);
    }
  }
  return { known, shown };
}

/** The ids of the questions that these answers lead through, in order. */
export function visible(definition, answers) {
  return [...counted(definition, answers).shown];
}

/** The ids that a question's condition names and its sentences repeat. */
function dependsOn(question) {
  const rules = question.show_if ? question.show_if.all ?? question.show_if.any ?? [] : [];
  const texts = [question.title, ...Object.values(question.follow_up ?? {})].flatMap((text) => Object.values(text ?? {}));
  const repeated = texts.flatMap((text) => Array.from(text.matchAll(/\{\{\s*answers\.([A-Za-z0-9_-]+)/g), (found) => found[1]));
  return [...rules.map((rule) => rule.question), ...repeated];
}

/** The same, screen by screen: a question that depends on one of the same page, or repeats it, starts a new screen. */
export function screens(definition, answers) {
  const { shown } = counted(definition, answers);
  const out = [];
  for (const page of definition.pages) {
    let screen = [];
    const cut = () => {
      const left = screen.filter((id) => shown.has(id));
      if (left.length) out.push(left);
      screen = [];
    };
    for (const question of page.questions) {
      if (dependsOn(question).some((id) => screen.includes(id))) cut();
      screen.push(question.id);
    }
    cut();
  }
  return out;
}

// The emotion lane of the journey board: belief points as sliders, and the line between them.

const KEY_PAUSE_MS = 500;
const LOWEST = -2;
const HIGHEST = 2;
const MIDDLE = 75; // where 0 lies in the drawing of the lane, and how much one step of belief is
const PITCH = 30;

/** Rank of a value that stands in `values`, on -2..2; equal values share the middle of their ranks. */
function rank(value, values) {
  const others = values.length - 1;
  if (others < 1) return 0;
  const below = values.filter((other) => other < value).length;
  const equal = values.filter((other) => other === value).length - 1;
  return LOWEST + ((HIGHEST - LOWEST) * (below + equal / 2)) / others;
}

/** Position of a value by the ranks of `values`: its own if it is one of them, else between its neighbours'. */
function position(value, values) {
  if (values.includes(value)) return rank(value, values);
  const below = values.filter((other) => other < value);
  const above = values.filter((other) => other > value);
  if (!below.length || !above.length) return below.length ? HIGHEST : LOWEST;
  const start = Math.max(...below);
  const end = Math.min(...above);
  const left = rank(start, values);
  return left + ((rank(end, values) - left) * (value - start)) / (end - start);
}

/** The belief points of the emotion lane: sliders whose line is redrawn while one of them moves. */
export class EmotionLane {
  constructor(svg, words, save) {
    this.svg = svg;
    this.words = words;
    this.save = save;
    this.line = svg.querySelector(".cx-eline");
    this.points = [...svg.querySelectorAll(".cx-ept[data-step]")];
    this.measured = new Set([...svg.querySelectorAll(".cx-edot")].map((dot) => dot.getAttribute("cx")));
    for (const point of this.points) if (!point.dataset.step) point.remove();
    this.points = this.points.filter((point) => point.dataset.step);
    svg.addEventListener("keydown", (event) => this.key(event));
    svg.addEventListener("pointerdown", (event) => this.grab(event));
  }

  /** Whether somebody is moving a point just now. */
  get isHeld() {
    return this.points.some((point) => point.cxBefore);
  }

  point(step) {
    return this.points.find((point) => point.dataset.step === step);
  }

  belief(point) {
    return point.classList.contains("cx-ept-none") ? null : Number(point.getAttribute("aria-valuenow"));
  }

  set(point, belief) {
    point.classList.toggle("cx-ept-none", belief === null);
    point.setAttribute("aria-valuenow", String(belief ?? 0));
    const mood = this.words.moods[[-1.5, -0.5, 0.5, 1.5].filter((edge) => belief >= edge).length];
    const signed = `${belief > 0 ? "+" : ""}${belief}`.replace("-", "−");
    point.setAttribute("aria-valuetext", belief === null ? this.words.unset : `${mood}, ${signed}`);
  }

  /** Draw every point at its rank; `held` follows the pointer instead. Marks of the old positions go. */
  draw(held = null, heldAt = 0) {
    for (const mark of this.svg.querySelectorAll(".cx-egap, .cx-ink")) mark.remove();
    const known = this.points.filter((point) => this.belief(point) !== null);
    const compared = known.filter((point) => this.measured.has(point.getAttribute("cx")));
    const values = (compared.length ? compared : known).map((point) => this.belief(point));
    for (const point of this.points) {
      const belief = this.belief(point);
      const at = point === held ? heldAt : belief === null ? 0 : position(belief, values);
      point.setAttribute("cy", (MIDDLE - at * PITCH).toFixed(1));
    }
    const places = known.map((point) => `${point.getAttribute("cx")},${point.getAttribute("cy")}`);
    if (!this.line && places.length > 1) {
      this.line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
      this.line.setAttribute("class", "cx-eline");
      this.points[0].before(this.line);
    }
    this.line?.setAttribute("points", places.join(" "));
  }

  key(event) {
    const point = event.target.closest(".cx-ept");
    if (!point || event.altKey || event.ctrlKey || event.metaKey) return;
    const now = this.belief(point) ?? 0;
    const steps = { ArrowUp: 0.1, ArrowRight: 0.1, ArrowDown: -0.1, ArrowLeft: -0.1, PageUp: 0.5, PageDown: -0.5 };
    const ends = { Home: LOWEST, End: HIGHEST };
    if (!(event.key in steps) && !(event.key in ends)) return;
    event.preventDefault();
    const belief = event.key in ends ? ends[event.key] : this.limit(now + steps[event.key]);
    point.cxBefore ??= { belief: this.belief(point) };
    this.set(point, belief);
    this.draw();
    clearTimeout(point.cxTimer);
    point.cxTimer = setTimeout(() => this.commit(point), KEY_PAUSE_MS);
  }

  grab(event) {
    const point = event.target.closest(".cx-ept");
    if (!point || event.button !== 0) return;
    event.preventDefault();
    point.focus();
    point.setPointerCapture(event.pointerId);
    point.cxBefore ??= { belief: this.belief(point) };
    const box = this.svg.getBoundingClientRect();
    const scale = this.svg.viewBox.baseVal.height / box.height;
    let moved = false;
    const move = (at) => {
      moved = true;
      const belief = this.limit((MIDDLE - (at.clientY - box.top) * scale) / PITCH);
      this.set(point, belief);
      this.draw(point, belief);
    };
    const end = () => {
      point.removeEventListener("pointermove", move);
      point.removeEventListener("pointerup", end);
      point.removeEventListener("pointercancel", end);
      this.draw();
      if (moved) this.commit(point);
      else delete point.cxBefore;
    };
    point.addEventListener("pointermove", move);
    point.addEventListener("pointerup", end);
    point.addEventListener("pointercancel", end);
  }

  limit(belief) {
    return Math.max(LOWEST, Math.min(HIGHEST, Math.round(belief * 10) / 10)) + 0;
  }

  commit(point) {
    const before = point.cxBefore?.belief ?? null;
    delete point.cxBefore;
    if (before !== this.belief(point)) this.save(point, this.belief(point), before);
  }
}

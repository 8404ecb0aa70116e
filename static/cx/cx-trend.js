// Crosshair and arrow keys for a trend drawn on the server. The chart is complete without this module.
//
//   <cx-trend data-tips='["Week of 1 Sep\n+22 (6 to 38)\n100 answers", …]' data-label="…">
//     <svg class="cx-chart cx-wid">… <circle data-i="0" …> …</svg>   wide container
//     <svg class="cx-chart cx-nar">… <circle data-i="0" …> …</svg>   narrow container
//   </cx-trend>
//
// A container query shows one of the two drawings, so which one is in use is asked anew at every move.
// Only nodes are built and styles set through the object model: nothing here needs a looser policy.

const SVG = 'http://www.w3.org/2000/svg';
const STEPS = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };

class Trend extends HTMLElement {
  connectedCallback() {
    if (this.tip) return; // moved in the page: everything is still there
    try {
      this.texts = JSON.parse(this.dataset.tips);
    } catch {
      return;
    }
    // Periods without a value have a text but no point on the line.
    this.periods = [...this.querySelectorAll('.cx-wid [data-i]')].map(point => Number(point.dataset.i));
    if (!this.periods.length) return;
    this.at = this.periods.length - 1;
    this.tip = document.createElement('div');
    this.tip.className = 'cx-tip';
    this.tip.hidden = true;
    this.tip.setAttribute('role', 'status');
    this.append(this.tip);
    this.tabIndex = 0;
    this.setAttribute('role', 'group');
    this.setAttribute('aria-label', this.dataset.label || '');
    this.addEventListener('pointermove', event => this.follow(event));
    this.addEventListener('pointerdown', event => this.follow(event));
    this.addEventListener('pointerleave', () => this.matches(':focus-visible') || this.hide());
    this.addEventListener('focus', () => this.matches(':focus-visible') && this.show(this.at));
    this.addEventListener('blur', () => this.hide());
    this.addEventListener('keydown', event => this.press(event));
    this.observer = new ResizeObserver(() => this.tip.hidden || this.show(this.at));
    this.observer.observe(this);
  }

  disconnectedCallback() {
    this.observer?.disconnect();
    this.hide();
    this.observer = null;
  }

  // The drawing the container query shows now.
  get drawing() {
    return [...this.querySelectorAll(':scope > svg')].find(svg => svg.getClientRects().length);
  }

  point(svg, at) {
    return svg.querySelector(`[data-i="${this.periods[at]}"]`);
  }

  follow(event) {
    const svg = this.drawing;
    if (!svg) return;
    const box = svg.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width * svg.viewBox.baseVal.width;
    let nearest = 0;
    let least = Infinity;
    this.periods.forEach((_, at) => {
      const away = Math.abs(Number(this.point(svg, at).getAttribute('cx')) - x);
      if (away < least) [nearest, least] = [at, away];
    });
    this.show(nearest);
  }

  press(event) {
    if (event.key === 'Escape') return this.hide();
    const step = STEPS[event.key];
    if (step === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    this.show(Math.max(0, Math.min(this.periods.length - 1, this.at + step)));
  }

  show(at) {
    const svg = this.drawing;
    if (!svg) return;
    this.at = at;
    const point = this.point(svg, at);
    const x = Number(point.getAttribute('cx'));
    const y = Number(point.getAttribute('cy'));
    const { width, height } = svg.viewBox.baseVal;
    this.cross(svg, x, height);
    this.tip.textContent = this.texts[this.periods[at]];
    this.tip.hidden = false;
    const scale = svg.clientWidth / width;
    const room = this.clientWidth - this.tip.offsetWidth;
    // The tip stands beside the point, on the side that has room.
    const left = x * scale + 10 <= room ? x * scale + 10 : Math.max(0, x * scale - this.tip.offsetWidth - 10);
    this.tip.style.transform = `translate(${Math.min(left, Math.max(0, room))}px, ${Math.max(0, y * scale - 10)}px)`;
  }

  cross(svg, x, height) {
    if (this.line?.parentNode !== svg) {
      this.line?.remove();
      this.line = document.createElementNS(SVG, 'line');
      this.line.setAttribute('class', 'cx-cross');
      svg.append(this.line);
    }
    for (const [name, value] of Object.entries({ x1: x, x2: x, y1: 14, y2: height - 26 })) {
      this.line.setAttribute(name, value);
    }
  }

  hide() {
    if (this.tip) this.tip.hidden = true;
    this.line?.remove();
  }
}

customElements.define('cx-trend', Trend);

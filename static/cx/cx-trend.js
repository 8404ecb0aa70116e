// Crosshair, tooltip and arrow keys for a server-drawn line chart. Positions come from the JSON block beside the drawing.
const SVG = 'http://www.w3.org/2000/svg';

customElements.define('cx-trend', class extends HTMLElement {
  connectedCallback() {
    const block = this.querySelector('script[type="application/json"]');
    if (!block || this.tip) return;
    this.data = JSON.parse(block.textContent);
    this.tip = document.createElement('div');
    this.tip.className = 'cx-tip';
    this.tip.hidden = true;
    this.tip.setAttribute('role', 'status');
    this.append(this.tip);
    this.tabIndex = 0;
    this.setAttribute('role', 'group');
    this.setAttribute('aria-label', this.dataset.hint || 'Chart. Use the arrow keys to read each point.');
    this.index = Math.max(0, this.data.wide.points.length - 1);
    this.addEventListener('pointermove', (event) => this.show(this.nearest(event.clientX)));
    this.addEventListener('pointerleave', () => { if (document.activeElement !== this) this.hide(); });
    this.addEventListener('focus', () => this.show(this.index));
    this.addEventListener('blur', () => this.hide());
    this.addEventListener('keydown', (event) => this.key(event));
  }

  // The drawing that is visible now: the wide one, or the narrow one of a small container.
  get drawing() {
    const narrow = this.querySelector('svg.cx-nar');
    const name = narrow && narrow.getBoundingClientRect().width > 0 ? 'narrow' : 'wide';
    return { ...this.data[name], svg: this.querySelector(name === 'narrow' ? 'svg.cx-nar' : 'svg.cx-wid') };
  }

  nearest(clientX) {
    const { svg, width, points } = this.drawing;
    const box = svg.getBoundingClientRect();
    const x = (clientX - box.left) / box.width * width;
    let best = 0;
    points.forEach((point, i) => { if (Math.abs(point.x - x) < Math.abs(points[best].x - x)) best = i; });
    return best;
  }

  key(event) {
    const last = this.data.wide.points.length - 1;
    const to = { ArrowLeft: this.index - 1, ArrowRight: this.index + 1, Home: 0, End: last }[event.key];
    if (event.key === 'Escape') { this.hide(); return; }
    if (to === undefined) return;
    event.preventDefault();
    this.show(Math.max(0, Math.min(last, to)));
  }

  show(index) {
    const { svg, width, points, top, bottom } = this.drawing;
    const point = points[index];
    if (!point) return;
    this.index = index;
    this.tip.textContent = point.text.join('\n');
    this.tip.hidden = false;
    if (this.cross?.parentNode !== svg) {
      this.cross?.remove();
      this.cross = document.createElementNS(SVG, 'line');
      this.cross.setAttribute('class', 'cx-cross');
      svg.append(this.cross);
    }
    for (const [name, value] of Object.entries({ x1: point.x, x2: point.x, y1: top, y2: bottom, visibility: 'visible' })) this.cross.setAttribute(name, value);
    const scale = svg.getBoundingClientRect().width / width;
    const x = point.x * scale;
    const beside = x + this.tip.offsetWidth + 20 > this.clientWidth ? x - this.tip.offsetWidth - 10 : x + 10;
    // The drawing runs left to right in every language; in a right-to-left page the tooltip starts at the other side.
    const shift = getComputedStyle(this).direction === 'rtl' ? beside + this.tip.offsetWidth - this.clientWidth : beside;
    this.tip.style.transform = `translate(${shift}px,${Math.max(0, point.y * scale - 10)}px)`;
  }

  hide() {
    this.tip.hidden = true;
    this.cross?.setAttribute('visibility', 'hidden');
  }
});

// The roadmap: cards that are dragged, or moved with Alt and an arrow key. Their menus are plain forms; this module sends
// what those would send without leaving the page.
//
// Markup: <cx-roadmap data-board="status|horizon"> holds lists `ul[data-column]` of cards `li[data-url]`. The answer of the
// server is {said, undo: {status|horizon, after}}.
import { showToast } from './toast.js';

const ARROWS = { ArrowUp: 'up', ArrowDown: 'down', ArrowLeft: 'left', ArrowRight: 'right' };

class CxRoadmap extends HTMLElement {
  connectedCallback() {
    this.csrf = document.querySelector('[name=csrfmiddlewaretoken]')?.value;
    this.sending = Promise.resolve();
    for (const list of this.lists) {
      const shown = list.parentElement.querySelector('[data-count]');
      shown.dataset.more = Number(shown.textContent) - list.children.length; // those that are in the list only
    }
    this.addEventListener('keydown', (event) => this.key(event));
    this.addEventListener('submit', (event) => this.submit(event));
    if (window.Sortable) this.wireDrag();
    else addEventListener('load', () => this.wireDrag(), { once: true });
  }

  get lists() {
    return [...this.querySelectorAll('ul[data-column]')];
  }

  wireDrag() {
    const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
    for (const list of this.lists) {
      new window.Sortable(list, {
        group: 'roadmap',
        animation: still ? 0 : 120,
        draggable: 'li',
        filter: '[popover]',
        preventOnFilter: false,
        ghostClass: 'cx-ghost',
        delay: 150,
        delayOnTouchOnly: true,
        onStart: (event) => { this.from = this.place(event.item); },
        onEnd: (event) => {
          if (event.from !== event.to || event.oldIndex !== event.newIndex) this.send(event.item, this.from);
        },
      });
    }
  }

  place(card) {
    return { list: card.parentElement, next: card.nextElementSibling };
  }

  key(event) {
    const card = event.target.closest('li[data-url]');
    const direction = event.altKey && ARROWS[event.key];
    if (!card || !direction) return;
    event.preventDefault();
    this.move(card, direction);
  }

  // The menus: up, down and another column, without leaving the page.
  submit(event) {
    const card = event.target.closest('li[data-url]');
    const button = event.submitter;
    if (!card || !button) return;
    event.preventDefault();
    event.stopPropagation();
    event.target.closest('[popover]')?.hidePopover();
    if (button.dataset.step) this.move(card, button.dataset.step);
    else this.put(card, this.lists.find((list) => list.dataset.column === button.value), null);
  }

  move(card, direction) {
    if (direction === 'up') {
      if (card.previousElementSibling) this.put(card, card.parentElement, card.previousElementSibling);
    } else if (direction === 'down') {
      if (card.nextElementSibling) this.put(card, card.parentElement, card.nextElementSibling.nextElementSibling);
    } else {
      const forward = (direction === 'right') !== (getComputedStyle(this).direction === 'rtl');
      const target = this.lists[this.lists.indexOf(card.parentElement) + (forward ? 1 : -1)];
      if (target) this.put(card, target, null);
    }
  }

  put(card, list, before) {
    const from = this.place(card);
    list.insertBefore(card, before);
    this.settle(card);
    this.send(card, from);
  }

  settle(card) {
    card.querySelector('[popovertarget]').focus();
    card.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    this.count();
  }

  count() {
    for (const list of this.lists) {
      const shown = list.parentElement.querySelector('[data-count]');
      shown.textContent = String(list.children.length + Number(shown.dataset.more));
    }
  }

  // One move after another, so that the last one wins here as on the server.
  send(card, from) {
    const after = card.previousElementSibling?.id.slice(2) ?? '';
    const fields = { [this.dataset.board]: card.parentElement.dataset.column, after };
    const back = () => {
      from.list.insertBefore(card, from.next?.parentElement === from.list ? from.next : null);
      this.settle(card);
    };
    this.count();
    this.sending = this.sending.then(() => this.post(card, fields, back, true));
  }

  async post(card, fields, back, undoable) {
    try {
      const headers = { Accept: 'application/json', 'X-CSRFToken': this.csrf };
      const response = await fetch(card.dataset.url, { method: 'POST', headers, body: new URLSearchParams(fields) });
      const answer = await response.json();
      if (!response.ok) throw new Error(answer.title);
      const run = () => {
        back();
        this.sending = this.sending.then(() => this.post(card, answer.undo, back, false));
      };
      showToast(answer.said, { action: undoable ? { label: this.dataset.undo, run } : null });
    } catch {
      back();
      showToast(this.dataset.refused, { error: true });
    }
  }
}

customElements.define('cx-roadmap', CxRoadmap);

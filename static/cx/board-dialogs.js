// The two windows of the board: what is known of one thing, and the touchpoint library to place from. The board takes
// these methods on when it has drawn itself.

import { newId } from "./board-queue.js";

const SEARCH_PAUSE_MS = 250;

const dialogs = {
  // ----- details of one thing

  wireItem() {
    this.item.addEventListener("submit", (event) => this.submitItem(event));
    this.item.addEventListener("click", (event) => {
      if (!event.target.closest("[data-close]")) return;
      event.preventDefault();
      this.item.close();
    });
    this.item.addEventListener("close", () => {
      document.getElementById("cx-item-body").replaceChildren();
      this.alive(this.current)?.querySelector?.(".cx-km")?.focus({ preventScroll: true });
    });
  },

  async details(url) {
    await window.htmx.ajax("GET", new URL(url, location.href).pathname, { target: "#cx-item-body", swap: "innerHTML" });
    this.item.querySelector("[role=alert]").hidden = true;
    this.item.showModal();
  },

  submitItem(event) {
    event.preventDefault();
    const form = new FormData(event.target, event.submitter);
    this.queue.add({
      url: event.target.getAttribute("action"),
      form,
      version: () => form.get("version"),
      settle: async ({ status, body }) => {
        if (status === 412 && body?.changes) {
          this.item.close();
          const choice = await this.settleConflict(body, null);
          form.set("version", body.changes[0].version);
          return choice;
        }
        if (status >= 400 || !body?.saved) {
          const alert = this.item.querySelector("[role=alert]");
          alert.textContent = body?.errors?.[0]?.message ?? body?.title ?? this.dataset.sayRefused;
          alert.hidden = false;
          this.show("refused");
          return false;
        }
        this.item.close();
        await this.take(body);
        return false;
      },
    });
  },

  // ----- the touchpoint library

  wireLibrary() {
    const search = document.getElementById("cx-library-q");
    search.addEventListener("input", () => {
      clearTimeout(this.searchTimer);
      this.searchTimer = setTimeout(() => this.find(), SEARCH_PAUSE_MS);
    });
    document.getElementById("cx-library-step").addEventListener("change", () => this.find());
    this.library.addEventListener("submit", (event) => {
      event.preventDefault();
      const form = new FormData(event.target);
      const touchpoint = form.get("touchpoint");
      const fields = touchpoint ? { touchpoint } : { name: form.get("name"), channel: form.get("channel") };
      this.place({ ...fields, step: document.getElementById("cx-library-step").value });
      if (!touchpoint) event.target.reset();
    });
    this.library.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.library.hidePopover();
    });
  },

  async openLibrary(step) {
    const select = document.getElementById("cx-library-step");
    select.replaceChildren(
      ...[...this.querySelectorAll("[data-kind=step]")].map((header) => new Option(this.name(header), header.dataset.id)),
    );
    if (step) select.value = step;
    this.library.showPopover();
    document.getElementById("cx-library-q").focus();
    await this.find();
  },

  async find() {
    const query = new URLSearchParams({ q: document.getElementById("cx-library-q").value, step: document.getElementById("cx-library-step").value });
    await window.htmx.ajax("GET", `${this.dataset.base}places/new/?${query}`, { target: "#cx-library-found", swap: "innerHTML" });
    const offers = this.library.querySelector("[data-offers]");
    if (!offers || !window.Sortable) return;
    new window.Sortable(offers, { group: { name: "touchpoints", pull: "clone", put: false }, sort: false, draggable: ".cx-k" });
  },

  dropOffer({ item, to }) {
    const position = this.items(to).indexOf(item);
    const { touchpoint } = item.dataset;
    item.remove();
    this.place({ touchpoint, step: to.dataset.step, position });
  },

  place(fields) {
    this.send(`${this.dataset.base}places/new/`, { id: newId(), ...fields }, null);
  },
};

/** Give a board its windows. */
export function equip(board) {
  Object.assign(board, dialogs);
  board.wireItem();
  board.wireLibrary();
}

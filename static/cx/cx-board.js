// The journey board. Everything it does is also a plain form on a page of its own: every card, touchpoint, step, stage
// and lane links to its page, and this module sends what those forms would send without leaving the board. It builds
// nodes from <template>, never from text, so it runs under Trusted Types.
//
// Markup: <cx-board data-base="…/journeys/<id>/" data-say-…> holds one table[data-revision] with lists
// `ul.cx-jc[data-step][data-lane]` of items `li.cx-k#k-<id>[data-kind=card|place][data-v]`, headers
// `[data-kind=stage|step|lane][data-id][data-v]`, and sliders `circle.cx-ept[role=slider][data-step]`.
//
// An answer of the server is {changes: [{kind, id, version, state|null, order}], people, say, saved, revision,
// undoable, undo, redo, reload}; a 412 has {detail, mine, theirs, changes, saved}, other refusals a title. What others
// did comes through board-others.js as {revision, changes: [{…, revision, by, said, mine, redraw}], people, who, reload}.
// A field somebody is writing in is never touched: a change to it waits, and both texts are shown in the end.

import { EmotionLane } from "./board-emotion.js";
import { put } from "./board-nodes.js";
import { SaveQueue, newId } from "./board-queue.js";

const TOAST_MS = 8000;
const ARROWS = { ArrowUp: "up", ArrowDown: "down", ArrowLeft: "left", ArrowRight: "right" };

class CxBoard extends HTMLElement {
  connectedCallback() {
    this.kept = new Map();
    this.people = {};
    this.writing = null;
    this.saved = document.getElementById("cx-saved");
    this.toast = document.getElementById("cx-board-toast");
    this.conflict = document.getElementById("cx-conflict");
    this.item = document.getElementById("cx-item");
    this.library = document.getElementById("cx-library");
    this.undoForm = document.getElementById("cx-undo");
    this.redoForm = document.getElementById("cx-redo");
    if (!this.dataset.base) return;
    this.queue = new SaveQueue(document.querySelector("[name=csrfmiddlewaretoken]").value, (state) => this.show(state));
    this.revision = Number(this.table.dataset.revision);
    this.wireTable();
    this.addEventListener("click", (event) => this.click(event));
    this.addEventListener("dblclick", (event) => this.doubleClick(event));
    this.addEventListener("keydown", (event) => this.key(event));
    this.addEventListener("submit", (event) => this.submitLane(event));
    for (const menu of document.querySelectorAll("[data-board-menu]")) this.wireMenu(menu);
    this.undoForm?.addEventListener("submit", (event) => this.submitUndo(event, "undo"));
    this.redoForm?.addEventListener("submit", (event) => this.submitUndo(event, "redo"));
    this.toast?.querySelector("button").addEventListener("click", () => {
      this.toast.hidden = true;
      this.undo("undo");
    });
    addEventListener("keydown", (event) => this.globalKey(event));
    addEventListener("beforeunload", (event) => {
      if (!this.leaving && (!this.queue.isEmpty || this.writing?.isChanged())) event.preventDefault();
    });
    this.following = Promise.all([import("./board-others.js"), import("./board-dialogs.js")]).then(([others, dialogs]) => {
      dialogs.equip(this);
      others.follow(this);
    });
  }

  get table() {
    return this.querySelector("table.cx-jt");
  }

  wireTable() {
    this.wireEmotion();
    for (const link of this.querySelectorAll(".cx-km")) this.enhanceMenuLink(link);
    if (window.Sortable) this.wireDrag();
    else addEventListener("load", () => this.wireDrag(), { once: true });
  }

  wireEmotion() {
    const svg = this.querySelector(".cx-emo svg[role=group]");
    const words = { moods: this.dataset.moods.split("|"), unset: this.dataset.unset };
    this.emotion = svg && new EmotionLane(svg, words, (point, belief, before) => this.saveBelief(point, belief, before));
  }

  /** The lane anew from the server, which knows where belief and measurement part. */
  async refreshEmotion() {
    if (!window.htmx || this.emotion?.isHeld) return;
    const focused = this.contains(document.activeElement) && document.activeElement.dataset.step;
    await window.htmx.ajax("GET", location.href, { target: "#emotion", swap: "outerHTML" });
    this.wireEmotion();
    if (focused && !this.writing) this.emotion?.point(focused)?.focus();
  }

  // ----- what stands where

  lists(lane) {
    return [...this.querySelectorAll("ul.cx-jc")].filter((list) => list.dataset.lane === lane);
  }

  list(step, lane) {
    return this.lists(lane).find((list) => list.dataset.step === step);
  }

  items(list) {
    return [...list.querySelectorAll(":scope > .cx-k")];
  }

  fixed(list) {
    return list.querySelector(":scope > .cx-addw");
  }

  name(node) {
    return (node.querySelector(".cx-kt") ?? node).textContent.trim();
  }

  url(node) {
    return node.querySelector(".cx-km").href;
  }

  header(kind, id) {
    return this.querySelector(`[data-kind="${kind}"][data-id="${CSS.escape(id)}"]`);
  }

  /** The node that stands for the same thing now: the table may have been taken anew since. */
  alive(node) {
    if (!node || node.isConnected) return node;
    const found = node.id ? document.getElementById(node.id) : node.dataset.id && this.header(node.dataset.kind, node.dataset.id);
    return found ?? node;
  }

  // ----- state and toast

  show(state, text = this.dataset[`say${state[0].toUpperCase()}${state.slice(1)}`]) {
    if (!this.saved) return;
    this.saved.dataset.state = state;
    this.saved.querySelector("[data-text]").textContent = text;
  }

  say(text, undoable) {
    if (!text || !this.toast) return;
    this.toast.hidden = false;
    this.toast.querySelector("button").hidden = !undoable;
    this.toast.querySelector("[role=status]").textContent = text;
    clearTimeout(this.toastTimer);
    const hide = () => {
      if (this.toast.matches(":hover, :focus-within")) this.toastTimer = setTimeout(hide, TOAST_MS);
      else this.toast.hidden = true;
    };
    this.toastTimer = setTimeout(hide, TOAST_MS);
  }

  // ----- sending

  /** Queue one change. `node` carries the version; `back` puts the page as it was when the server refuses. */
  send(url, fields, node, back, lost) {
    this.queue.add({
      url,
      fields,
      version: () => this.alive(node)?.dataset.v,
      settle: (answer) => {
        if (answer.status === 401 || answer.status === 403) this.shutOut(fields);
        return this.settle(answer, node, back, lost);
      },
    });
  }

  /** Somebody may not write here any more: tell the page what was being saved, so that it is not lost. */
  shutOut(fields) {
    this.dispatchEvent(new CustomEvent("cx:shut-out", { bubbles: true, detail: { text: fields?.text ?? fields?.name ?? "" } }));
  }

  /** What the server said. Resolves to true when the same change is to be sent again. */
  async settle({ status, body }, node, back, lost) {
    if (status === 412 && body?.changes) return this.settleConflict(body, node, back);
    if (status === 404 && lost) {
      await lost();
      return false;
    }
    if (status >= 400 || !body?.saved) {
      back?.();
      this.show("refused");
      this.say(body?.title ?? this.dataset.sayRefused, false);
      return false;
    }
    await this.take(body);
    return false;
  }

  /** Put an answer to an own change on the page. */
  async take(body) {
    Object.assign(this.people, body.people);
    for (const change of body.changes) this.apply(change, body.revision, { own: true });
    if (body.revision === this.revision + 1 && !body.reload) this.revision = body.revision;
    this.show("saved", body.saved);
    this.offerUndo(body);
    this.stale ||= body.reload;
    this.say(body.say, body.undoable);
    if (this.queue.jobs.length > 1) return;
    await this.following;
    if (this.stale) await this.refresh();
    else if (body.changes.some((change) => change.kind === "step")) await this.refreshEmotion();
  }

  async settleConflict(body, node, back) {
    this.show("conflict");
    if ((await this.ask(body)) === "mine") {
      const now = this.alive(node);
      if (now) now.dataset.v = body.changes[0].version;
      return true;
    }
    back?.();
    Object.assign(this.people, body.people);
    for (const change of body.changes) this.apply(change, 0, { own: true, forced: true });
    this.show("saved", body.saved);
    return false;
  }

  /** Show both versions; resolves to "mine" or "theirs". Closing the dialog keeps what is on the map. */
  ask({ detail, mine, theirs, changes, take = this.dataset.sayMine }) {
    const dialog = this.conflict;
    dialog.querySelector("[data-detail]").textContent = detail;
    dialog.querySelector("[data-mine]").textContent = mine;
    dialog.querySelector("[data-theirs]").textContent = theirs;
    dialog.querySelector("[value=mine]").textContent = take;
    dialog.querySelector("[value=mine]").hidden = changes?.[0].state === null;
    dialog.returnValue = "theirs";
    dialog.showModal();
    return new Promise((resolve) => {
      dialog.addEventListener("close", () => resolve(dialog.returnValue === "mine" ? "mine" : "theirs"), { once: true });
    });
  }

  /** What somebody wrote on has gone meanwhile: give the text back, and offer to keep it as a card. */
  async offerBack(text, lane, step, by = "") {
    this.show("conflict");
    const theirs = [this.dataset.sayDeleted, by].filter(Boolean).join(" · ");
    const choice = await this.ask({ detail: this.dataset.sayGone, mine: text, theirs, take: this.dataset.sayBack });
    const list = this.list(step, lane) ?? this.lists(lane)[0];
    if (choice === "mine" && list) this.putCard(list, text);
    else this.show("saved");
  }

  offerUndo(body) {
    for (const [form, possible] of [[this.undoForm, body.undo], [this.redoForm, body.redo]]) {
      if (form) form.querySelector("button").disabled = !possible;
    }
  }

  carry(node, parent, before) {
    const box = this.writing.box;
    const { selectionStart, selectionEnd } = box;
    this.carrying = true;
    put(parent, node, before);
    if (document.activeElement !== box) box.focus({ preventScroll: true });
    box.setSelectionRange?.(selectionStart, selectionEnd);
    this.carrying = false;
  }

  // ----- putting a change of the server on the page

  apply(change, revision, how = {}) {
    if (!change) return;
    if (change.kind === "card" || change.kind === "place") this.applyItem(change, revision, how);
    else if (change.kind === "step" && change.state) this.applyStep(change, how);
    else if (change.kind === "stage" && change.state) this.setHeader(change, how);
  }

  applyItem({ kind, id, version, state, order }, revision, { own = false, forced = false, by = "" }) {
    const writing = this.writing?.about.id === id ? this.writing : null;
    let node = document.getElementById(`k-${id}`) ?? this.kept.get(id);
    if (!state) {
      if (writing && !own) writing.gone = by;
      else if (node?.isConnected) {
        this.kept.set(id, node);
        node.remove();
      }
      return;
    }
    if (kind === "card" && this.dataset.only && state.evidence !== this.dataset.only && !node) return;
    const list = this.list(state.step, kind === "card" ? state.lane : "touchpoints");
    if (!list || (!node && kind !== "card")) {
      this.stale = true;
      return;
    }
    node ??= this.newCard(id, state.text, list);
    const isNews = forced || !node.isConnected || version > Number(node.dataset.v ?? 0);
    if (writing && !own && state.text !== writing.value) return; // kept for later: the version stays the one that was seen
    if (isNews) {
      node.dataset.v = version;
      if (kind === "card") this.dress(node, state, writing);
    }
    if (node.parentElement !== list) this.settleInto(list, node, this.fixed(list));
    this.arrange(list, order, revision);
    if (own && !this.writing && isNews && !node.contains(document.activeElement)) node.querySelector(".cx-km").focus({ preventScroll: true });
  }

  /** Move a card into a list, dressed as the list's lane dresses its cards. */
  settleInto(list, node, before) {
    const from = node.parentElement?.dataset?.card;
    if (from) node.classList.remove(from);
    if (list.dataset.card) node.classList.add(list.dataset.card);
    const isWriting = this.writing?.box && node.contains(this.writing.box);
    if (isWriting) this.carry(node, list, before);
    else put(list, node, before);
  }

  /** Bring a list into the order the server names, unless a newer order has been seen. */
  arrange(list, order, revision) {
    if (!order?.length || (revision && revision < (list.cxRevision ?? 0))) return;
    list.cxRevision = revision;
    let at = list.querySelector(":scope > .cx-k");
    for (const id of order) {
      const node = document.getElementById(`k-${id}`);
      if (!node || node.parentElement !== list) continue;
      if (node !== at) this.settleInto(list, node, at ?? this.fixed(list));
      else {
        do at = at.nextElementSibling;
        while (at && !at.matches(".cx-k"));
      }
    }
  }

  /** Text, evidence, owner and picture of a card. */
  dress(node, state, writing = null) {
    if (!writing) this.setText(node, state.text);
    node.dataset.ev = state.evidence;
    let picture = node.querySelector(":scope > .cx-kimg");
    if (state.image) {
      if (!picture) node.prepend((picture = this.part(".cx-kimg")));
      const address = `${this.dataset.base}pictures/${state.image.split("/").at(-1).replace(".webp", "")}/`;
      if (picture.getAttribute("src") !== address) picture.src = address;
      picture.alt = this.dataset.sayPicture.replace("{name}", state.text);
    } else picture?.remove();
    this.wear(node, "evidence", state.evidence === "assumption" ? "" : this.dataset[state.evidence]);
    this.wear(node, "owner", state.owner && this.people[state.owner]);
  }

  /** Put a part (evidence, owner, mot) on a card or step, or take it off when there is nothing to show. */
  wear(node, name, value) {
    let foot = node.querySelector(":scope > .cx-kfoot");
    let part = foot?.querySelector(`[data-part=${name}]`);
    if (!value) {
      part?.remove();
      if (foot && !foot.childElementCount) foot.remove();
      return;
    }
    if (!foot) node.append((foot = this.part(".cx-kfoot")));
    if (!part) {
      part = this.part(`[data-part=${name}]`);
      if (name === "owner") foot.append(part);
      else foot.prepend(part);
    }
    if (name === "evidence") part.textContent = value;
    if (name === "owner") {
      part.title = this.dataset.sayOwner.replace("{name}", value.name);
      part.firstElementChild.textContent = value.initials;
      part.lastElementChild.textContent = part.title;
    }
  }

  part(selector) {
    return [...document.getElementById("cx-parts").content.children].find((part) => part.matches(selector)).cloneNode(true);
  }

  applyStep(change, how) {
    if (!this.setHeader(change, how)) return;
    const header = this.header("step", change.id);
    if (header) {
      this.wear(header, "mot", change.state.moment_of_truth);
      this.wear(header, "evidence", change.state.evidence && this.dataset[change.state.evidence]);
      this.wear(header, "owner", change.state.owner && this.people[change.state.owner]);
      const row = header.closest("tr");
      if (row.hidden && header.querySelector(":scope > .cx-kfoot")) row.hidden = false;
    }
    const point = this.emotion?.point(change.id);
    if (!point || point.cxBefore) return;
    this.emotion.set(point, change.state.belief);
    this.emotion.draw();
  }

  /** The name and version of a stage or step. False when it was known already, or somebody is writing there. */
  setHeader({ kind, id, version, state }, { own = false, forced = false }) {
    const header = this.header(kind, id);
    if (!header) return false;
    const writing = this.writing?.about.id === id ? this.writing : null;
    if (writing && !own && state.name !== writing.value) return false;
    if (!forced && version <= Number(header.dataset.v)) return false;
    header.dataset.v = version;
    if (!writing) header.querySelector(".cx-kt").textContent = state.name;
    const duration = header.querySelector(".cx-el");
    if (kind === "stage" && (duration?.textContent ?? "") !== state.duration) {
      if (duration && state.duration) duration.textContent = state.duration;
      else this.stale = true;
    }
    return true;
  }

  newCard(id, text, list) {
    const node = document.getElementById("cx-card").content.firstElementChild.cloneNode(true);
    node.id = `k-${id}`;
    if (list.dataset.card) node.classList.add(list.dataset.card);
    const link = node.querySelector(".cx-km");
    link.href = `${this.dataset.base}cards/${id}/`;
    this.enhanceMenuLink(link);
    this.setText(node, text);
    return node;
  }

  setText(node, text) {
    node.querySelector(".cx-kt").textContent = text;
    node.querySelector(".cx-km").setAttribute("aria-label", this.dataset.sayMenu.replace("{name}", text));
  }

  // ----- moving

  wireDrag() {
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    for (const list of this.querySelectorAll("ul.cx-jc")) {
      const isPlaces = list.dataset.lane === "touchpoints";
      new window.Sortable(list, {
        group: isPlaces ? "touchpoints" : "cards",
        animation: still ? 0 : 120,
        draggable: ".cx-k",
        filter: "textarea, input",
        preventOnFilter: false,
        ghostClass: "cx-ghost",
        delay: 150,
        delayOnTouchOnly: true,
        onStart: (event) => {
          this.dragged = event.item;
          this.grabbed = { list: event.from, next: event.item.nextElementSibling };
        },
        onAdd: (event) => event.item.dataset.touchpoint && this.dropOffer(event),
        onEnd: (event) => {
          this.dragged = null;
          const fixed = this.fixed(event.to);
          if (fixed && fixed.nextElementSibling) event.to.append(fixed);
          if (event.from === event.to && event.oldIndex === event.newIndex) return;
          if (event.from !== event.to) this.settleInto(event.to, event.item, event.item.nextElementSibling);
          if (event.from.dataset.card) event.item.classList.toggle(event.from.dataset.card, event.from.dataset.card === event.to.dataset.card);
          this.sendMove(event.item, this.grabbed);
        },
      });
    }
    const body = this.table.tBodies[0];
    new window.Sortable(body, {
      animation: still ? 0 : 120,
      draggable: "tr[data-row]",
      handle: ".cx-jl[data-kind=lane]",
      filter: "input, .cx-km",
      preventOnFilter: false,
      ghostClass: "cx-ghost",
      delay: 150,
      delayOnTouchOnly: true,
      onStart: (event) => {
        this.dragged = event.item;
      },
      onEnd: (event) => {
        this.dragged = null;
        if (event.oldIndex === event.newIndex) return;
        const rows = [...body.querySelectorAll(":scope > tr[data-row]")];
        const header = event.item.querySelector("[data-kind=lane]");
        this.sendLane(header, { action: "move", position: rows.indexOf(event.item) }, () => this.following.then(() => this.refresh()));
      },
    });
  }

  /** One step into a direction of the screen; in a right-to-left page "left" is the next column. */
  move(node, direction) {
    const list = node.parentElement;
    const from = { list, next: node.nextElementSibling };
    if (direction === "up") {
      if (!node.previousElementSibling?.matches(".cx-k")) return;
      put(list, node, node.previousElementSibling);
    } else if (direction === "down") {
      if (!node.nextElementSibling?.matches(".cx-k")) return;
      put(list, node, node.nextElementSibling.nextElementSibling);
    } else {
      const isLane = direction.startsWith("lane-");
      const forward = isLane ? direction === "lane-down" : (direction === "right") !== (getComputedStyle(this).direction === "rtl");
      const lists = isLane ? this.cardLists(list.dataset.step) : this.lists(list.dataset.lane);
      const target = lists[lists.indexOf(list) + (forward ? 1 : -1)];
      if (!target || (isLane && node.dataset.kind !== "card")) return;
      this.settleInto(target, node, this.fixed(target));
    }
    const button = node.querySelector(".cx-km");
    button.focus();
    node.scrollIntoView({ block: "nearest", inline: "nearest" });
    this.sendMove(node, from);
  }

  /** The card lanes of a step, from top to bottom. */
  cardLists(step) {
    return [...this.querySelectorAll(`ul.cx-jc[data-step="${step}"]`)].filter((list) => list.dataset.lane !== "touchpoints");
  }

  sendMove(node, from) {
    const list = node.parentElement;
    const fields = { action: "move", step: list.dataset.step, position: this.items(list).indexOf(node) };
    if (list.dataset.lane !== from.list.dataset.lane) fields.lane = list.dataset.lane;
    this.send(this.url(node), fields, node, () => {
      if (from.list.isConnected) this.settleInto(from.list, node, from.next?.isConnected ? from.next : this.fixed(from.list));
    });
  }

  /** Stages and steps: the server moves them and the table is taken anew, because whole columns move. */
  moveHeader(header, direction) {
    const forward = (direction === "right") !== (getComputedStyle(this).direction === "rtl");
    this.send(this.url(header), { action: forward ? "later" : "earlier" }, header);
  }

  sendLane(header, fields, back) {
    this.send(`${this.dataset.base}lanes/`, { lane: header.dataset.id, ...fields }, header, back);
  }

  submitLane(event) {
    if (!event.target.matches("[data-lane-form]")) return;
    event.preventDefault();
    const fields = { action: "add", title: event.submitter.value };
    this.send(event.target.getAttribute("action"), fields, null);
  }

  // ----- writing

  remove(node) {
    const from = { list: node.parentElement, next: node.nextElementSibling };
    const beside = [node.nextElementSibling, node.previousElementSibling].find((other) => other?.matches(".cx-k"));
    (beside?.querySelector(".cx-km") ?? from.list.querySelector(".cx-add"))?.focus();
    this.kept.set(node.id.slice(2), node);
    const url = this.url(node);
    node.remove();
    this.send(url, { action: "delete" }, node, () => from.list.isConnected && from.list.insertBefore(node, from.next));
  }

  /**
   * A text box in `holder`. Enter keeps, Escape drops, leaving keeps. `about` says what is written on: {id, find(table),
   * step, lane}, so that the box finds its place in a table taken anew.
   */
  write(holder, { value, label, rows, keep, close, about, node = null }) {
    const box = document.createElement(rows ? "textarea" : "input");
    box.className = "cx-input cx-kin";
    box.value = value;
    box.maxLength = rows ? 1000 : 120;
    if (rows) box.rows = rows;
    box.setAttribute("aria-label", label);
    box.dir = "auto";
    let done = false;
    const finish = (kept) => {
      if (done || this.carrying) return;
      done = true;
      const text = box.value.trim();
      this.writing = null;
      box.remove();
      close?.(writing);
      if (writing.gone !== undefined) this.afterGone(writing, kept && text !== value ? text : "");
      else if (kept && text && text !== value) keep(text, writing);
      this.sync?.soon();
    };
    const writing = { box, holder, about, node, value, isChanged: () => box.value.trim() !== value, drop: () => finish(false) };
    this.writing = writing;
    box.addEventListener("compositionstart", () => (box.cxComposing = true));
    box.addEventListener("compositionend", () => (box.cxComposing = false));
    box.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        finish(true);
      } else if (event.key === "Escape") finish(false);
    });
    box.addEventListener("blur", () => finish(true));
    holder.append(box);
    box.focus();
    box.select();
    this.sync?.soon();
  }

  /** The card that was written on is gone: take it off, and give a changed text back. */
  afterGone(writing, text) {
    const { lane, step, id } = writing.about;
    const node = document.getElementById(`k-${id}`);
    if (node) {
      this.kept.set(id, node);
      node.remove();
    }
    if (text) this.offerBack(text, lane, step, writing.gone);
  }

  edit(node) {
    const kind = node.dataset.kind;
    const isCard = kind === "card";
    const text = node.querySelector(".cx-kt");
    const before = text.textContent.trim();
    const id = isCard ? node.id.slice(2) : node.dataset.id;
    const list = isCard ? node.parentElement : null;
    const selector = isCard ? `#k-${id}` : `[data-kind="${kind}"][data-id="${CSS.escape(id)}"]`;
    text.hidden = true;
    this.write(node, {
      value: before,
      label: this.dataset.sayEdit.replace("{name}", before),
      rows: isCard ? 2 : 0,
      node,
      about: { id, step: list?.dataset.step, lane: list?.dataset.lane, find: (table) => table.querySelector(selector) },
      close: (writing) => {
        writing.node.querySelector(".cx-kt").hidden = false;
        writing.node.querySelector(".cx-km").focus({ preventScroll: true });
      },
      keep: (after, writing) => {
        const now = writing.node;
        const set = (value) => (isCard ? this.setText(now, value) : (now.querySelector(".cx-kt").textContent = value));
        set(after);
        if (kind === "lane") this.sendLane(now, { action: "rename", title: after }, () => set(before));
        else {
          const fields = isCard ? { action: "save", text: after } : { action: "rename", name: after };
          const lost = isCard && (() => this.loseCard(now, after));
          this.send(this.url(now), fields, now, () => set(before), lost);
        }
      },
    });
  }

  /** The server says a card is gone that somebody has just written on. */
  async loseCard(node, text) {
    const { step, lane } = node.parentElement?.dataset ?? {};
    node.remove();
    await this.offerBack(text, lane, step);
  }

  addCard(link) {
    const list = link.closest("ul");
    const { step, lane } = list.dataset;
    const holder = document.createElement("li");
    holder.setAttribute("data-fixed", "");
    list.insertBefore(holder, this.fixed(list));
    const find = (table) => table.querySelector(`ul.cx-jc[data-step="${step}"][data-lane="${CSS.escape(lane)}"]`);
    this.write(holder, {
      value: "",
      label: link.getAttribute("aria-label"),
      rows: 2,
      about: { step, lane, find },
      close: () => {
        const now = holder.closest("ul")?.querySelector(".cx-add");
        holder.remove();
        now?.focus({ preventScroll: true });
      },
      keep: (text) => {
        const now = find(this.table);
        if (!now) {
          this.offerBack(text, lane, step);
          return;
        }
        this.putCard(now, text);
        this.addCard(now.querySelector(".cx-add"));
      },
    });
  }

  /** A new card at the end of a list; the server is told. */
  putCard(list, text) {
    const id = newId();
    const { step, lane } = list.dataset;
    const node = this.newCard(id, text, list);
    list.insertBefore(node, this.fixed(list));
    const fields = { id, step, lane, text };
    const lost = () => {
      this.alive(node).remove();
      return this.offerBack(text, lane, step);
    };
    this.send(`${this.dataset.base}cards/new/`, fields, null, () => this.alive(node).remove(), lost);
  }

  addStage(link) {
    this.writeName(link.parentElement, link, (name) => {
      const [path, query] = link.href.split("?");
      this.send(path, { ...Object.fromEntries(new URLSearchParams(query)), name }, null);
    });
  }

  addStep(header) {
    const stage = header.dataset.kind === "stage" ? header.dataset.id : this.stageOf(header);
    this.writeName(header, header.querySelector(".cx-km"), (name) => this.send(`${this.dataset.base}steps/new/`, { stage, name }, null));
  }

  /** The stage over a step: headers of stages span the columns of their steps. */
  stageOf(step) {
    let column = [...step.parentElement.children].indexOf(step);
    for (const stage of this.querySelectorAll("[data-kind=stage]")) {
      column -= stage.colSpan;
      if (column <= 0) return stage.dataset.id;
    }
    return "";
  }

  writeName(holder, link, keep) {
    const at = holder.dataset.id ? `[data-kind="${holder.dataset.kind}"][data-id="${CSS.escape(holder.dataset.id)}"]` : ".cx-jplus";
    this.write(holder, {
      value: "",
      label: link.getAttribute("aria-label"),
      rows: 0,
      about: { find: (table) => table.querySelector(at) },
      close: () => this.table.querySelector(`${at} a`)?.focus({ preventScroll: true }),
      keep,
    });
  }

  saveBelief(point, belief, before) {
    const step = point.dataset.step;
    const header = this.header("step", step);
    this.send(`${this.dataset.base}steps/${step}/`, { action: "belief", belief: belief ?? "" }, header, () => {
      const now = this.emotion?.point(step);
      if (!now) return;
      this.emotion.set(now, before);
      this.emotion.draw();
    });
  }

  undo(which) {
    this.send(`${this.dataset.base}${which}/`, {}, null);
  }

  submitUndo(event, which) {
    event.preventDefault();
    this.undo(which);
  }

  // ----- events

  enhanceMenuLink(link) {
    link.setAttribute("role", "button");
    link.setAttribute("aria-haspopup", "menu");
  }

  click(event) {
    if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const opener = event.target.closest(".cx-km");
    const adder = event.target.closest("[data-inline]");
    if (opener) {
      event.preventDefault();
      this.openMenu(opener);
    } else if (adder) {
      event.preventDefault();
      if (adder.dataset.inline === "card") this.addCard(adder);
      else if (adder.dataset.inline === "place") this.following.then(() => this.openLibrary(adder.closest("ul").dataset.step));
      else this.addStage(adder);
    }
  }

  doubleClick(event) {
    const text = event.target.closest(".cx-kt");
    const node = text?.closest("[data-kind]");
    if (node && node.dataset.kind !== "place") this.edit(node);
  }

  key(event) {
    const node = event.target.closest("[data-kind]");
    if (!node || event.target.closest("textarea, input")) return;
    const arrow = event.altKey && ARROWS[event.key];
    const direction = arrow && event.shiftKey ? { up: "lane-up", down: "lane-down" }[arrow] : arrow;
    if (direction) this.does(node, direction, event);
    else if (event.key === "Delete") this.does(node, "delete", event);
    else if (event.key === "F2" && node.dataset.kind !== "place") this.does(node, "edit", event);
    else if (event.key === " " && event.target.matches(".cx-km")) this.openMenu(event.target, event);
  }

  globalKey(event) {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.target.closest?.("input, textarea, select, dialog")) return;
    const key = event.key.toLowerCase();
    const which = key === "y" || (key === "z" && event.shiftKey) ? "redo" : key === "z" ? "undo" : null;
    const form = which === "redo" ? this.redoForm : this.undoForm;
    if (!which || (form.querySelector("button").disabled && this.queue.isEmpty)) return;
    event.preventDefault();
    this.undo(which);
  }

  does(node, what, event, item) {
    event?.preventDefault();
    const { kind } = node.dataset;
    const isItem = node.matches(".cx-k");
    if (what === "edit") this.edit(node);
    else if (what === "open") location.href = node.dataset.href;
    else if (what === "page") location.href = this.url(node);
    else if (what === "details") this.following.then(() => this.details(this.url(node)));
    else if (what === "step-details") this.following.then(() => this.details(`${this.dataset.base}steps/${node.dataset.step}/`));
    else if (what === "add-step") this.addStep(node);
    else if (what === "evidence") this.send(this.url(node), { action: "save", evidence: item.dataset.value }, node);
    else if (what === "moment") this.send(this.url(node), { action: "facts", moment_of_truth: item.getAttribute("aria-checked") === "true" ? "" : "on" }, node);
    else if (kind === "lane") {
      if (what === "up" || what === "down") this.sendLane(node, { action: what });
      else if (what === "delete") this.sendLane(node, { action: "remove" });
    } else if (what === "delete") {
      if (isItem) this.remove(node);
      else this.send(this.url(node), { action: "delete" }, node);
    } else if (isItem) this.move(node, what);
    else if (what === "left" || what === "right") this.moveHeader(node, what);
  }

  // ----- menus

  openMenu(opener, event) {
    event?.preventDefault();
    this.current = opener.closest("[data-kind]");
    const menu = document.querySelector(`[data-board-menu="${this.current.dataset.kind}"]`);
    if (!menu) {
      location.href = opener.href;
      return;
    }
    this.dressMenu(menu, this.current);
    const box = opener.getBoundingClientRect();
    menu.showPopover();
    menu.style.insetInlineStart = "auto";
    menu.style.left = `${Math.max(8, Math.min(box.left, innerWidth - menu.offsetWidth - 8))}px`;
    menu.style.top = `${Math.max(8, Math.min(box.bottom + 4, innerHeight - menu.offsetHeight - 8))}px`;
    menu.querySelector("[role^=menuitem]").focus();
  }

  /** What holds of the thing the menu is for: marks before what is so already, links that name it. */
  dressMenu(menu, node) {
    const { lane, step } = node.parentElement?.dataset ?? {};
    for (const item of menu.querySelectorAll("[data-do=evidence]")) item.setAttribute("aria-checked", String(item.dataset.value === node.dataset.ev));
    for (const item of menu.querySelectorAll("[data-do=moment]")) item.setAttribute("aria-checked", String(Boolean(node.querySelector("[data-part=mot]"))));
    for (const item of menu.querySelectorAll("[data-do=step-details]")) item.hidden = !node.dataset.step;
    for (const link of menu.querySelectorAll("[data-link]")) {
      link.href = `${link.dataset.link}?${new URLSearchParams({ journey: this.dataset.journey, step, card: node.id.slice(2) })}`;
      link.hidden = Boolean(link.dataset.lane) && link.dataset.lane !== lane;
    }
  }

  wireMenu(menu) {
    menu.addEventListener("click", (event) => {
      const item = event.target.closest("[data-do]");
      if (!item) return;
      menu.hidePopover();
      const node = this.alive(this.current);
      node.querySelector(".cx-km").focus();
      this.does(node, item.dataset.do, null, item);
    });
    menu.addEventListener("keydown", (event) => {
      const items = [...menu.querySelectorAll("[role^=menuitem]:not([hidden])")];
      const at = items.indexOf(document.activeElement);
      const next = { ArrowDown: at + 1, ArrowUp: at - 1 + items.length, Home: 0, End: items.length - 1 }[event.key];
      if (event.key === "Tab" || event.key === "Escape") {
        menu.hidePopover();
        this.alive(this.current).querySelector(".cx-km").focus();
        event.preventDefault();
      } else if (next !== undefined && !event.altKey) {
        event.preventDefault();
        items[next % items.length].focus();
      }
    });
  }
}

customElements.define("cx-board", CxBoard);

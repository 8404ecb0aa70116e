// The journey board. Everything it does is also a plain form on a page of its own: every card, touchpoint, step and stage
// links to its page, and this module sends what those forms would send without leaving the board. It builds nodes from
// <template>, never from text, so it runs under Trusted Types.
//
// Markup: <cx-board data-base="…/journeys/<id>/" data-say-…> holds lists `ul.cx-jc[data-step][data-lane]` of items
// `li.cx-k#k-<id>[data-kind=card|place][data-v]`, headers `[data-kind=stage|step][data-id][data-v]`, and sliders
// `circle.cx-ept[role=slider][data-step]`. An answer of the server is {changes: [{kind, id, version, state|null}], say,
// saved, undoable, undo, redo, reload}; a 412 has {detail, mine, theirs, changes, saved}, other refusals a title.

const RETRY_FIRST_MS = 3000;
const RETRY_LAST_MS = 60000;
const FAILURES_TO_GIVE_UP = 5;
const TOAST_MS = 8000;
const KEY_PAUSE_MS = 500;
const LOWEST = -2;
const HIGHEST = 2;
const MIDDLE = 75; // where 0 lies in the drawing of the emotion lane, and how much one step of belief is
const PITCH = 30;
const ARROWS = { ArrowUp: "up", ArrowDown: "down", ArrowLeft: "left", ArrowRight: "right" };

/** An id the server will keep, so that sending the same card twice makes one card. UUID version 7. */
function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const now = Date.now();
  for (let i = 0; i < 6; i++) bytes[i] = Math.floor(now / 2 ** (8 * (5 - i))) % 256;
  bytes[6] = (bytes[6] & 0x0f) | 0x70;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** Sends one change after another, in order, and keeps them while the network is away. */
class SaveQueue {
  constructor(csrf, show) {
    this.csrf = csrf;
    this.show = show;
    this.jobs = [];
    this.running = false;
  }

  add(job) {
    this.jobs.push(job);
    this.run();
  }

  get isEmpty() {
    return this.jobs.length === 0;
  }

  async run() {
    if (this.running) return;
    this.running = true;
    let wait = RETRY_FIRST_MS;
    while (this.jobs.length) {
      const job = this.jobs[0];
      this.show("saving");
      const answer = await this.request(job);
      if (!answer.reached || (answer.status >= 500 && (job.failures = (job.failures ?? 0) + 1) < FAILURES_TO_GIVE_UP) || answer.status === 429) {
        this.show("offline");
        await this.pause(wait);
        wait = Math.min(wait * 2, RETRY_LAST_MS);
        continue;
      }
      wait = RETRY_FIRST_MS;
      if (await job.settle(answer)) continue;
      this.jobs.shift();
    }
    this.running = false;
  }

  async request(job) {
    const headers = { Accept: "application/json", "X-CSRFToken": this.csrf };
    if (job.node?.dataset.v) headers["If-Match"] = `"${job.node.dataset.v}"`;
    let response;
    try {
      response = await fetch(job.url, { method: "POST", headers, body: new URLSearchParams(job.fields) });
    } catch {
      return { reached: false };
    }
    let body = null;
    try {
      body = await response.json();
    } catch {
      // Not ours: a sign-in page or a proxy's error. The status decides.
    }
    return { reached: true, status: response.status, body };
  }

  pause(ms) {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        removeEventListener("online", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      addEventListener("online", done);
    });
  }
}

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
class EmotionLane {
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

class CxBoard extends HTMLElement {
  connectedCallback() {
    this.kept = new Map();
    this.saved = document.getElementById("cx-saved");
    this.toast = document.getElementById("cx-board-toast");
    this.conflict = document.getElementById("cx-conflict");
    this.undoForm = document.getElementById("cx-undo");
    this.redoForm = document.getElementById("cx-redo");
    this.restoreView();
    if (!this.dataset.base) return;
    this.queue = new SaveQueue(document.querySelector("[name=csrfmiddlewaretoken]").value, (state) => this.show(state));
    this.wireEmotion();
    for (const link of this.querySelectorAll(".cx-km")) this.enhanceMenuLink(link);
    this.addEventListener("click", (event) => this.click(event));
    this.addEventListener("dblclick", (event) => this.doubleClick(event));
    this.addEventListener("keydown", (event) => this.key(event));
    for (const menu of document.querySelectorAll("[data-board-menu]")) this.wireMenu(menu);
    this.undoForm?.addEventListener("submit", (event) => this.submitUndo(event, "undo"));
    this.redoForm?.addEventListener("submit", (event) => this.submitUndo(event, "redo"));
    this.toast?.querySelector("button").addEventListener("click", () => {
      this.toast.hidden = true;
      this.undo("undo");
    });
    addEventListener("keydown", (event) => this.globalKey(event));
    addEventListener("beforeunload", (event) => {
      if (!this.queue.isEmpty && !this.leaving) event.preventDefault();
    });
    if (window.Sortable) this.wireDrag();
    else addEventListener("load", () => this.wireDrag(), { once: true });
  }

  wireEmotion() {
    const svg = this.querySelector(".cx-emo svg");
    const words = { moods: this.dataset.moods.split("|"), unset: this.dataset.unset };
    this.emotion = svg && new EmotionLane(svg, words, (point, belief, before) => this.saveBelief(point, belief, before));
  }

  /** The lane anew from the server, which knows where belief and measurement part. */
  async refreshEmotion() {
    const focused = this.contains(document.activeElement) && document.activeElement.dataset.step;
    if (!window.htmx) return;
    await window.htmx.ajax("GET", location.href, { target: "#emotion", swap: "outerHTML" });
    this.wireEmotion();
    if (focused) this.emotion?.point(focused)?.focus();
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

  name(node) {
    return (node.querySelector(".cx-kt") ?? node).textContent.trim();
  }

  url(node) {
    return node.querySelector(".cx-km").href;
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

  /** The columns changed: take the page anew, at the same place and with the same message. */
  reload(text = "", undoable = false) {
    const wrap = this.closest(".cx-jwrap");
    const focus = document.activeElement?.closest("[data-id]")?.dataset.id;
    const view = { path: location.pathname, left: wrap?.scrollLeft, top: wrap?.scrollTop, text, undoable, focus };
    sessionStorage.setItem("cx-board", JSON.stringify(view));
    this.leaving = true;
    location.reload();
  }

  restoreView() {
    const stored = sessionStorage.getItem("cx-board");
    sessionStorage.removeItem("cx-board");
    if (!stored) return;
    const view = JSON.parse(stored);
    if (view.path !== location.pathname) return;
    this.closest(".cx-jwrap")?.scrollTo(view.left ?? 0, view.top ?? 0);
    if (view.focus) this.querySelector(`[data-id="${view.focus}"] .cx-km`)?.focus();
    this.say(view.text, view.undoable);
  }

  // ----- sending

  /** Queue one change. `node` carries the version; `back` puts the page as it was when the server refuses. */
  send(url, fields, node, back) {
    this.queue.add({ url, fields, node, settle: (answer) => this.settle(answer, node, back) });
  }

  /** What the server said. Resolves to true when the same change is to be sent again. */
  async settle({ status, body }, node, back) {
    if (status === 412 && body?.changes) return this.settleConflict(body, node, back);
    if (status >= 400 || !body?.saved) {
      back?.();
      this.show("refused");
      this.say(body?.title ?? this.dataset.sayRefused, false);
      return false;
    }
    for (const change of body.changes) {
      if (node && change === body.changes[0]) node.dataset.v = change.version;
      else this.apply(change);
    }
    this.show("saved", body.saved);
    this.offerUndo(body);
    this.stale ||= body.reload;
    const isLast = this.queue.jobs.length === 1;
    if (this.stale && isLast) this.reload(body.say, body.undoable);
    else this.say(body.say, body.undoable);
    if (!this.stale && isLast && body.changes.some((change) => change.kind === "step")) await this.refreshEmotion();
    return false;
  }

  async settleConflict(body, node, back) {
    this.show("conflict");
    const choice = await this.ask(body);
    if (choice === "mine") {
      node.dataset.v = body.changes[0].version;
      return true;
    }
    back?.();
    for (const change of body.changes) this.apply(change);
    this.show("saved", body.saved);
    return false;
  }

  /** Show both versions; resolves to "mine" or "theirs". Closing the dialog keeps what is on the map. */
  ask(body) {
    const dialog = this.conflict;
    dialog.querySelector("[data-detail]").textContent = body.detail;
    dialog.querySelector("[data-mine]").textContent = body.mine;
    dialog.querySelector("[data-theirs]").textContent = body.theirs;
    dialog.querySelector("[value=mine]").hidden = body.changes[0].state === null;
    dialog.returnValue = "theirs";
    dialog.showModal();
    return new Promise((resolve) => {
      dialog.addEventListener("close", () => resolve(dialog.returnValue === "mine" ? "mine" : "theirs"), { once: true });
    });
  }

  offerUndo(body) {
    for (const [form, possible] of [[this.undoForm, body.undo], [this.redoForm, body.redo]]) {
      if (form) form.querySelector("button").disabled = !possible;
    }
  }

  // ----- putting a change of the server on the page

  apply(change) {
    if (!change) return;
    if (change.kind === "card" || change.kind === "place") this.applyItem(change);
    else if (change.kind === "step" && change.state) this.applyStep(change);
    else if (change.kind === "stage" && change.state) this.setHeader(change);
  }

  applyItem({ kind, id, version, state }) {
    let node = document.getElementById(`k-${id}`) ?? this.kept.get(id);
    if (!state) {
      if (!node) return;
      this.kept.set(id, node);
      node.remove();
      return;
    }
    const list = this.list(state.step, kind === "card" ? state.lane : "touchpoints");
    if (!list || (!node && kind !== "card")) {
      this.reload();
      return;
    }
    node ??= this.newCard(id, state.text, list);
    if (kind === "card") this.setText(node, state.text);
    node.dataset.v = version;
    const others = this.items(list).filter((item) => item !== node);
    (others[state.position] ?? list.querySelector(":scope > [data-fixed]")).before(node);
    node.querySelector(".cx-km").focus();
  }

  applyStep(change) {
    this.setHeader(change);
    const point = this.emotion?.point(change.id);
    if (!point) return;
    this.emotion.set(point, change.state.belief);
    this.emotion.draw();
  }

  setHeader({ id, version, state }) {
    for (const header of this.querySelectorAll(`[data-id="${id}"]`)) {
      header.dataset.v = version;
      const title = header.querySelector(".cx-kt");
      if (title) title.textContent = state.name;
    }
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
      new window.Sortable(list, {
        group: list.dataset.lane,
        animation: still ? 0 : 120,
        draggable: ".cx-k",
        filter: "textarea",
        preventOnFilter: false,
        ghostClass: "cx-ghost",
        delay: 150,
        delayOnTouchOnly: true,
        onStart: (event) => {
          this.grabbed = { list: event.from, next: event.item.nextElementSibling };
        },
        onEnd: (event) => {
          const fixed = event.to.querySelector(":scope > [data-fixed]");
          if (fixed && fixed.nextElementSibling) event.to.append(fixed);
          if (event.from !== event.to || event.oldIndex !== event.newIndex) this.sendMove(event.item, this.grabbed);
        },
      });
    }
  }

  /** One step into a direction of the screen; in a right-to-left page "left" is the next column. */
  move(node, direction) {
    const list = node.parentElement;
    const from = { list, next: node.nextElementSibling };
    if (direction === "up") {
      if (!node.previousElementSibling?.matches(".cx-k")) return;
      node.previousElementSibling.before(node);
    } else if (direction === "down") {
      if (!node.nextElementSibling?.matches(".cx-k")) return;
      node.nextElementSibling.after(node);
    } else {
      const forward = (direction === "right") !== (getComputedStyle(this).direction === "rtl");
      const lists = this.lists(list.dataset.lane);
      const target = lists[lists.indexOf(list) + (forward ? 1 : -1)];
      if (!target) return;
      target.querySelector(":scope > [data-fixed]").before(node);
    }
    const button = node.querySelector(".cx-km");
    button.focus();
    node.scrollIntoView({ block: "nearest", inline: "nearest" });
    this.sendMove(node, from);
  }

  sendMove(node, from) {
    const list = node.parentElement;
    const fields = { action: "move", step: list.dataset.step, position: this.items(list).indexOf(node) };
    this.send(this.url(node), fields, node, () => from.list.insertBefore(node, from.next));
  }

  /** Stages and steps: the server moves them and the page is taken anew, because whole columns move. */
  moveHeader(header, direction) {
    const forward = (direction === "right") !== (getComputedStyle(this).direction === "rtl");
    this.send(this.url(header), { action: forward ? "later" : "earlier" }, header);
  }

  // ----- writing

  remove(node) {
    const from = { list: node.parentElement, next: node.nextElementSibling };
    const beside = [node.nextElementSibling, node.previousElementSibling].find((other) => other?.matches(".cx-k"));
    (beside?.querySelector(".cx-km") ?? from.list.querySelector(".cx-add"))?.focus();
    this.kept.set(node.id.slice(2), node);
    const url = this.url(node);
    node.remove();
    this.send(url, { action: "delete" }, node, () => from.list.insertBefore(node, from.next));
  }

  /** A text box in place of `holder`'s text. Enter keeps, Escape drops, leaving keeps. */
  write(holder, { value, label, rows, keep, close }) {
    const box = document.createElement(rows ? "textarea" : "input");
    box.className = "cx-input cx-kin";
    box.value = value;
    box.maxLength = rows ? 1000 : 200;
    if (rows) box.rows = rows;
    box.setAttribute("aria-label", label);
    box.dir = "auto";
    let done = false;
    const finish = (kept) => {
      if (done) return;
      done = true;
      const text = box.value.trim();
      box.remove();
      close?.();
      if (kept && text && text !== value) keep(text);
    };
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
  }

  edit(node) {
    const text = node.querySelector(".cx-kt");
    const before = text.textContent.trim();
    text.hidden = true;
    this.write(node, {
      value: before,
      label: this.dataset.sayEdit.replace("{name}", before),
      rows: node.dataset.kind === "card" ? 2 : 0,
      close: () => {
        text.hidden = false;
        node.querySelector(".cx-km").focus();
      },
      keep: (after) => {
        const isCard = node.dataset.kind === "card";
        if (isCard) this.setText(node, after);
        else text.textContent = after;
        const fields = isCard ? { action: "save", text: after } : { action: "rename", name: after };
        this.send(this.url(node), fields, node, () => (isCard ? this.setText(node, before) : (text.textContent = before)));
      },
    });
  }

  addCard(link) {
    const list = link.closest("ul");
    const holder = document.createElement("li");
    holder.setAttribute("data-fixed", "");
    list.querySelector(":scope > [data-fixed]").before(holder);
    this.write(holder, {
      value: "",
      label: link.getAttribute("aria-label"),
      rows: 2,
      close: () => {
        holder.remove();
        link.focus();
      },
      keep: (text) => {
        const id = newId();
        const node = this.newCard(id, text, list);
        list.querySelector(":scope > [data-fixed]").before(node);
        const fields = { id, step: list.dataset.step, lane: list.dataset.lane, text };
        this.send(`${this.dataset.base}cards/new/`, fields, node, () => node.remove());
        this.addCard(link);
      },
    });
  }

  addStage(link) {
    const fields = new URL(link.href).searchParams;
    this.write(link.parentElement, {
      value: "",
      label: link.getAttribute("aria-label"),
      rows: 0,
      close: () => link.focus(),
      keep: (name) => this.send(link.href.split("?")[0], { ...Object.fromEntries(fields), name }, null),
    });
  }

  saveBelief(point, belief, before) {
    const step = point.dataset.step;
    const header = this.querySelector(`[data-kind=step][data-id="${step}"]`);
    this.send(`${this.dataset.base}steps/${step}/`, { action: "belief", belief: belief ?? "" }, header, () => {
      this.emotion.set(this.emotion.point(step), before);
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
    const direction = event.altKey && ARROWS[event.key];
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

  does(node, what, event) {
    event?.preventDefault();
    const isItem = node.matches(".cx-k");
    if (what === "edit") this.edit(node);
    else if (what === "open") location.href = node.dataset.href;
    else if (what === "page") location.href = this.url(node);
    else if (what === "delete") {
      if (isItem) this.remove(node);
      else this.send(this.url(node), { action: "delete" }, node);
    } else if (isItem) this.move(node, what);
    else if (what === "left" || what === "right") this.moveHeader(node, what);
    else location.href = this.url(node);
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
    const box = opener.getBoundingClientRect();
    menu.showPopover();
    menu.style.insetInlineStart = "auto";
    menu.style.left = `${Math.max(8, Math.min(box.left, innerWidth - menu.offsetWidth - 8))}px`;
    menu.style.top = `${Math.max(8, Math.min(box.bottom + 4, innerHeight - menu.offsetHeight - 8))}px`;
    menu.querySelector("[role=menuitem]").focus();
  }

  wireMenu(menu) {
    const items = [...menu.querySelectorAll("[role=menuitem]")];
    menu.addEventListener("click", (event) => {
      const item = event.target.closest("[data-do]");
      if (!item) return;
      menu.hidePopover();
      this.current.querySelector(".cx-km").focus();
      this.does(this.current, item.dataset.do);
    });
    menu.addEventListener("keydown", (event) => {
      const at = items.indexOf(document.activeElement);
      const next = { ArrowDown: at + 1, ArrowUp: at - 1 + items.length, Home: 0, End: items.length - 1 }[event.key];
      if (event.key === "Tab" || event.key === "Escape") {
        menu.hidePopover();
        this.current.querySelector(".cx-km").focus();
        event.preventDefault();
      } else if (next !== undefined && !event.altKey) {
        event.preventDefault();
        items[next % items.length].focus();
      }
    });
  }
}

customElements.define("cx-board", CxBoard);

// What others do to the same map: who is here, where they write, and putting their changes on the board without touching
// what somebody is writing or holding. The board takes these methods on when it has drawn itself.

import { Sync } from "./board-sync.js";

const MARK_MS = 4000;
const EMOTION_PAUSE_MS = 600;

const others = {
  /** What this person is writing in, for the others to see. */
  where() {
    const { about } = this.writing ?? {};
    return about?.id ?? "";
  },

  /** Whether the board must not be moved under somebody's hands just now. */
  get isHeld() {
    return !this.queue.isEmpty || this.dragged || this.emotion?.isHeld || this.writing?.box.cxComposing;
  },

  async catchUp(answer) {
    this.showPresence(answer.who);
    if (this.isHeld) return;
    if (!answer.reload && answer.revision === this.revision && !this.stale) return;
    Object.assign(this.people, answer.people);
    const news = answer.changes.filter((change) => change.revision > this.revision);
    const others = news.filter((change) => !change.mine);
    if (answer.reload || this.stale || news.some((change) => change.redraw)) {
      this.holdBack(others);
      if (!(await this.refresh())) return;
    } else {
      for (const change of news) this.apply(change, change.revision, { by: change.by });
      this.revision = answer.revision;
      if (this.stale) await this.refresh();
      else if (news.some((change) => change.kind === "step")) this.refreshEmotionSoon();
    }
    for (const change of others) this.mark(change);
    const last = others.at(-1);
    if (last) document.getElementById("cx-news").textContent = `${last.by}: ${last.said}`;
  },

  refreshEmotionSoon() {
    clearTimeout(this.emotionTimer);
    this.emotionTimer = setTimeout(() => this.refreshEmotion(), EMOTION_PAUSE_MS);
  },

  /** Remember who deleted what this person is writing on, before the table is taken anew. */
  holdBack(changes) {
    const id = this.writing?.about.id;
    for (const change of changes) if (change.id === id && !change.state) this.writing.gone = change.by;
  },

  /** Show for a moment who changed something. */
  mark({ kind, id, by }) {
    const node = kind === "card" || kind === "place" ? document.getElementById(`k-${id}`) : this.header(kind, id);
    if (!node || !by) return;
    node.dataset.by = by;
    clearTimeout(node.cxMark);
    node.cxMark = setTimeout(() => delete node.dataset.by, MARK_MS);
  },

  showPresence(who) {
    const shown = JSON.stringify(who);
    if (shown === this.presence) return;
    this.presence = shown;
    const list = document.getElementById("cx-here");
    if (list) {
      list.replaceChildren(list.firstElementChild);
      for (const person of who) {
        const item = this.part("li");
        item.title = person.name;
        item.querySelector(".cx-av").textContent = person.initials;
        item.querySelector(".cx-sr").textContent = person.name;
        list.append(item);
      }
    }
    for (const node of this.querySelectorAll("[data-writer]")) delete node.dataset.writer;
    for (const person of who) {
      if (!person.where) continue;
      const node = document.getElementById(`k-${person.where}`) ?? this.querySelector(`[data-id="${CSS.escape(person.where)}"]`);
      if (node) node.dataset.writer = this.dataset.sayWrites.replace("{name}", person.name);
    }
  },

  lost() {
    this.show("refused", this.dataset.sayAway);
  },

  /** The table anew from the server, in the same place, with what is being written left as it is. */
  async refresh() {
    const url = new URL(location.href);
    url.searchParams.set("part", "board");
    const holder = document.getElementById("cx-fresh");
    try {
      await window.htmx.ajax("GET", url.pathname + url.search, { target: "#cx-fresh", swap: "innerHTML" });
    } catch {
      return false;
    }
    const fresh = holder.querySelector("table.cx-jt");
    if (!fresh || this.dragged || this.emotion?.isHeld) {
      holder.replaceChildren();
      return false;
    }
    const old = this.table;
    const wrap = this.closest(".cx-jwrap");
    const place = { left: wrap.scrollLeft, top: wrap.scrollTop };
    const anchor = this.anchor(old, wrap);
    const focus = this.focusKey(old);
    old.before(fresh);
    holder.replaceChildren();
    this.rehome(old, fresh);
    old.remove();
    this.stale = false;
    this.kept.clear();
    this.presence = null;
    this.revision = Number(fresh.dataset.revision);
    this.wireTable();
    wrap.scrollTo(place.left, place.top);
    const at = anchor && this.header("step", anchor.id);
    if (at) wrap.scrollBy(at.getBoundingClientRect().left - anchor.left, 0);
    if (focus) fresh.querySelector(focus)?.focus({ preventScroll: true });
    return true;
  },

  /** A step whose column is in sight, and where: it stays there when columns come or go before it. */
  anchor(table, wrap) {
    const box = wrap.getBoundingClientRect();
    const middle = box.left + box.width / 2;
    for (const header of table.querySelectorAll("[data-kind=step]")) {
      const column = header.getBoundingClientRect();
      if (column.left <= middle && column.right >= middle) return { id: header.dataset.id, left: column.left };
    }
    return null;
  },

  /** A selector for what has the focus in the old table, unless it is being written in. */
  focusKey(table) {
    const active = document.activeElement;
    if (!table.contains(active) || this.writing?.box === active) return "";
    if (active.dataset.step && active.matches(".cx-ept")) return `.cx-ept[data-step="${active.dataset.step}"]`;
    const node = active.closest(".cx-k[id], [data-id]");
    const list = active.closest("ul.cx-jc");
    if (node) return `${node.id ? `#${node.id}` : `[data-kind="${node.dataset.kind}"][data-id="${CSS.escape(node.dataset.id)}"]`} .cx-km`;
    return list ? `ul.cx-jc[data-step="${list.dataset.step}"][data-lane="${CSS.escape(list.dataset.lane)}"] .cx-add` : "";
  },

  /** Take what is being written over into the new table, the caret where it was. */
  rehome(old, fresh) {
    const writing = this.writing;
    if (!writing || !old.contains(writing.box)) return;
    const { about } = writing;
    const target = about.find(fresh);
    if (target && about.id) {
      const text = target.querySelector(".cx-kt");
      if (text.textContent.trim() !== writing.value) target.dataset.v = writing.node.dataset.v;
      text.hidden = true;
      this.carry(writing.box, target, null);
      writing.node = target;
    } else if (target) {
      this.carry(writing.holder, target, target.querySelector(":scope > .cx-addw"));
    } else {
      const list = about.lane && fresh.querySelector(`ul.cx-jc[data-step="${about.step}"][data-lane="${CSS.escape(about.lane)}"]`);
      if (list && writing.node) {
        writing.gone ??= "";
        this.carry(writing.node, list, this.fixed(list));
      } else {
        const text = writing.box.value.trim();
        const isChanged = writing.isChanged();
        writing.drop();
        if (isChanged) this.offerBack(text, about.lane ?? this.lists("actions")[0]?.dataset.lane, about.step, writing.gone);
      }
    }
  },
};

/** Let a board catch up with others from now on. */
export function follow(board) {
  Object.defineProperties(board, Object.getOwnPropertyDescriptors(others));
  board.sync = new Sync(board.dataset.base, board);
}

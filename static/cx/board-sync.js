// Catching up with what others do to the same map: asks the server about once a second while somebody looks, slower
// when the page is hidden or nobody has touched anything for a while. What it learns is the board's to put on the page.

const ACTIVE_MS = 900;
const IDLE_MS = 4000;
const HIDDEN_MS = 10000;
const IDLE_AFTER_MS = 120000;
const RETRY_LAST_MS = 60000;
const LOST = new Set([401, 403, 404, 410]);

export class Sync {
  /** `board` has `revision`, `where()`, `catchUp(answer)` and `lost()`. */
  constructor(base, board) {
    this.base = base;
    this.board = board;
    this.failures = 0;
    this.touched = Date.now();
    const wake = () => {
      const slept = Date.now() - this.touched > IDLE_AFTER_MS;
      this.touched = Date.now();
      if (slept) this.soon();
    };
    addEventListener("pointermove", wake, { passive: true });
    addEventListener("keydown", wake);
    addEventListener("online", () => this.soon());
    document.addEventListener("visibilitychange", () => this.soon());
    this.plan(ACTIVE_MS);
  }

  /** Ask at once. */
  soon() {
    this.failures = 0;
    this.plan(0);
  }

  plan(ms) {
    clearTimeout(this.timer);
    if (!this.stopped) this.timer = setTimeout(() => this.ask(), ms);
  }

  get pause() {
    if (this.failures) return Math.min(ACTIVE_MS * 2 ** this.failures, RETRY_LAST_MS);
    if (document.hidden) return HIDDEN_MS;
    return Date.now() - this.touched > IDLE_AFTER_MS ? IDLE_MS : ACTIVE_MS;
  }

  async ask() {
    if (this.asking) return;
    this.asking = true;
    try {
      const answer = await this.fetch();
      if (answer?.changes.some((change) => !change.mine)) this.touched = Date.now();
      if (answer) await this.board.catchUp(answer);
    } finally {
      this.asking = false;
      this.plan(this.pause);
    }
  }

  /** The server's answer; null when there is none now, or none any more. */
  async fetch() {
    const query = new URLSearchParams({ since: this.board.revision, at: document.hidden ? "" : this.board.where() });
    let response;
    try {
      response = await fetch(`${this.base}changes/?${query}`, { headers: { Accept: "application/json" }, cache: "no-store" });
    } catch {
      this.failures += 1;
      return null;
    }
    if (LOST.has(response.status)) {
      this.stopped = true;
      this.board.lost();
      return null;
    }
    this.failures = response.ok ? 0 : this.failures + 1;
    return response.ok ? response.json() : null;
  }
}

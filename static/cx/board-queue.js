// Sending the changes of a journey board: one after another, in order, kept while the network is away.

const RETRY_FIRST_MS = 3000;
const RETRY_LAST_MS = 60000;
const FAILURES_TO_GIVE_UP = 5;

/** An id the server will keep, so that sending the same card twice makes one card. UUID version 7. */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const now = Date.now();
  for (let i = 0; i < 6; i++) bytes[i] = Math.floor(now / 2 ** (8 * (5 - i))) % 256;
  bytes[6] = (bytes[6] & 0x0f) | 0x70;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/**
 * A job is {url, fields | form, version(), settle(answer)}: `version` gives what If-Match names ("" for nothing) when
 * the job is sent, `settle` resolves to true when the same job is to be sent again.
 */
export class SaveQueue {
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
    const version = job.version?.();
    if (version) headers["If-Match"] = `"${version}"`;
    let response;
    try {
      response = await fetch(job.url, { method: "POST", headers, body: job.form ?? new URLSearchParams(job.fields) });
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

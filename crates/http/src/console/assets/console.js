// Keeps a page of the console up to date, and shows times in the viewer's zone. Pages are complete without it.
//
// A page says on its <main> what it follows: data-follow is the query of a stream of status changes, and
// data-refresh-seconds how often its numbers are asked for. Either way the page is fetched again, and each element
// with data-live and an id takes the content that it has there.

const REFRESH_GAP_MS = 700;
const FETCH_MAX_MS = 30000;
const PREVIEW_GAP_MS = 400;
const BACKOFF_MS = { first: 1000, max: 60000 };

const SIGNED_OUT = "signed out";

const main = document.querySelector("main");
const state = document.querySelector("[data-live-state]");
const format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

/** Writes times in the viewer's zone; UTC is what the mouse shows. */
function localTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (!time.title && !Number.isNaN(at.getTime())) {
      time.title = time.textContent;
      time.textContent = format.format(at);
    }
  }
}

/** Says how far the page is up to date, if that changed. Once nobody is signed in any more, it is not. */
function tell(word) {
  if (state.textContent !== word && state.textContent !== SIGNED_OUT) {
    state.textContent = word;
    state.dataset.state = word;
  }
}

/** Takes over an element's new content. What was opened stays open, what has the focus keeps it by its id. */
function replace(old, fresh) {
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  if (focused?.matches("input, textarea, select")) {
    return;
  }
  localTimes(fresh);
  for (const part of fresh.querySelectorAll("details[id]")) {
    part.open = old.querySelector(`#${CSS.escape(part.id)}`)?.open ?? part.open;
  }
  if (old.innerHTML === fresh.innerHTML) {
    return;
  }
  old.replaceChildren(...fresh.childNodes);
  if (focused?.id) {
    document.getElementById(focused.id)?.focus({ preventScroll: true });
  }
}

let current;
let next;

/**
 * Fetches the page again; whether that went well. One at a time, so that what is older never takes the place of what is
 * newer: whoever asks meanwhile shares the next one, which shows what happened since.
 */
function refresh() {
  if (!current) {
    current = fetchPage().finally(() => (current = undefined));
    return current;
  }
  next ??= current.then(() => {
    next = undefined;
    return refresh();
  });
  return next;
}

/** Whether an answer leads to the sign-in, or says that the key may not see this any more. */
function isSignedOut(answer) {
  return answer.type === "opaqueredirect" || answer.status === 401 || answer.status === 403;
}

async function fetchPage() {
  try {
    const answer = await fetch(location.href, {
      redirect: "manual",
      headers: { accept: "text/html" },
      signal: AbortSignal.timeout(FETCH_MAX_MS),
    });
    if (isSignedOut(answer)) {
      tell(SIGNED_OUT);
      location.reload();
      return false;
    }
    if (!answer.ok) {
      return false;
    }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const old of document.querySelectorAll("[data-live][id]")) {
      const fresh = page.getElementById(old.id);
      if (fresh) {
        replace(old, document.adoptNode(fresh));
      }
    }
    return true;
  } catch {
    return false;
  }
}

/** Twice as long after every failure, and never in step with everyone else. */
class Backoff {
  #next = BACKOFF_MS.first;

  wait() {
    const wait = this.#next * (0.5 + Math.random() / 2);
    this.#next = Math.min(this.#next * 2, BACKOFF_MS.max);
    return wait;
  }

  reset() {
    this.#next = BACKOFF_MS.first;
  }
}

/** Follows a stream: with each change the page is fetched again, not more often than the gap allows. */
class Following {
  #url;
  #source;
  #timer;
  #due;
  #backoff = new Backoff();

  constructor(query) {
    this.#url = `/console/stream?${query}`;
  }

  start() {
    this.#source = new EventSource(this.#url);
    this.#source.onopen = () => {
      this.#backoff.reset();
      tell("live");
      this.#refreshSoon();
    };
    this.#source.onmessage = () => this.#refreshSoon();
    this.#source.onerror = () => {
      tell("reconnecting");
      // It tries again by itself unless it was refused. Why that is, only the page can say.
      if (this.#source.readyState === EventSource.CLOSED) {
        refresh();
        this.#timer = setTimeout(() => this.start(), this.#backoff.wait());
      }
    };
  }

  stop() {
    clearTimeout(this.#timer);
    clearTimeout(this.#due);
    this.#due = undefined;
    this.#source?.close();
  }

  #refreshSoon() {
    this.#due ??= setTimeout(() => {
      // What comes from here on is not in this answer any more.
      this.#due = undefined;
      refresh();
    }, REFRESH_GAP_MS);
  }
}

/** Asks for the page again and again. */
class Refreshing {
  #every;
  #timer;
  #backoff = new Backoff();

  constructor(seconds) {
    this.#every = seconds * 1000;
  }

  start() {
    tell("live");
    this.#timer = setTimeout(() => this.#run(), this.#every);
  }

  stop() {
    clearTimeout(this.#timer);
  }

  async #run() {
    const done = await refresh();
    tell(done ? "live" : "reconnecting");
    if (done) {
      this.#backoff.reset();
    }
    if (!document.hidden) {
      this.#timer = setTimeout(() => this.#run(), done ? this.#every : this.#backoff.wait());
    }
  }
}

/** What the page asks for. */
function updates() {
  const { follow, refreshSeconds } = main.dataset;
  if (follow) {
    return new Following(follow);
  }
  return refreshSeconds ? new Refreshing(Number(refreshSeconds)) : undefined;
}

/** What was just done is said once: not again when the page is loaded again. */
function forgetNotice() {
  const address = new URL(location.href);
  for (const name of ["done", "redriven"]) {
    address.searchParams.delete(name);
  }
  if (address.href !== location.href) {
    history.replaceState(null, "", address);
  }
}

/** Enters the viewer's zone where a form asks for one, and shows the numbers of its days. */
function ownZone() {
  const field = document.querySelector("form[data-zone] #timezone");
  const address = new URL(location.href);
  if (!field || field.value || address.searchParams.has("timezone")) {
    return;
  }
  field.value = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "";
  if (field.value && field.value !== "UTC") {
    address.searchParams.set("timezone", field.value);
    history.replaceState(null, "", address);
    refresh();
  }
}

/** Sends a form once, however often its button is pressed. Forms whose answer goes elsewhere stay on the page. */
function once(event) {
  const form = event.target;
  if (form.method !== "post" || event.submitter?.formTarget || event.defaultPrevented) {
    return;
  }
  if (form.dataset.sent) {
    event.preventDefault();
  }
  form.dataset.sent = "yes";
}

/** A page that is shown again by the way back can send its forms again. */
function sendable() {
  document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent);
}

/** Shows what a template would send while it is written. */
function previews(form) {
  let due;
  form.addEventListener("input", () => {
    clearTimeout(due);
    due = setTimeout(() => preview(form), PREVIEW_GAP_MS);
  });
}

/** Sends the form to where it is only tried, and takes the preview from the answer. */
async function preview(form) {
  const answer = await fetch(form.dataset.preview, {
    method: "POST",
    redirect: "manual",
    body: new URLSearchParams(new FormData(form)),
  }).catch(() => undefined);
  if (answer && isSignedOut(answer)) {
    // What was typed stays.
    tell(SIGNED_OUT);
  } else if (answer?.ok) {
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("preview");
    fresh && document.getElementById("preview").replaceChildren(...document.adoptNode(fresh).childNodes);
  }
}

localTimes(document);
forgetNotice();
ownZone();
document.querySelectorAll("form[data-preview]").forEach(previews);
document.addEventListener("submit", once);
addEventListener("pageshow", sendable);
const live = updates();
if (live) {
  if (!document.hidden) {
    live.start();
  }
  document.addEventListener("visibilitychange", () => {
    live.stop();
    if (document.hidden) {
      tell("paused");
    } else {
      refresh();
      live.start();
    }
  });
  // A page that is kept for the way back must not keep its connection.
  addEventListener("pagehide", () => live.stop());
  addEventListener("pageshow", (event) => event.persisted && live.start());
}

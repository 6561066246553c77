// Sends what a form asks for to the API, and shows what it answers.
//
// <form data-api="/api/v1/..." data-method="POST" data-body='{"fixed": 1}' data-done="Paused." data-sure="Really?"
//       data-go="/studies/{id}">
// Fields with a name are put into the body: data-type number | json | flag | list (of the boxes of that name that are
// ticked); an empty one is left out. A name with a dot is a field of an object: params.learning_rate. data-reset:
// afterwards the form is as it came. A <p role="alert"> in the form shows a refusal.
import { news } from "./live.js";

const told = document.getElementById("told");
let quiet = null;

export function say(words) {
  told.replaceChildren(Object.assign(document.createElement("p"), { textContent: words }));
  clearTimeout(quiet);
  quiet = setTimeout(() => told.replaceChildren(), 6000);
}

function put(body, name, value) {
  // At the first dot alone: parameters may have dots in their names.
  const dot = name.indexOf(".");
  if (dot < 0) body[name] = value;
  else (body[name.slice(0, dot)] ??= {})[name.slice(dot + 1)] = value;
}

export function bodyOf(form) {
  const body = JSON.parse(form.dataset.body || "{}");
  for (const field of form.elements) {
    if (!field.name || field.disabled) continue;
    if (field.dataset.type === "flag") put(body, field.name, field.checked);
    else if (field.dataset.type === "list") {
      if (field.checked) (body[field.name] ??= []).push(field.value);
    } else if ((field.type === "radio" || field.type === "checkbox") && !field.checked) continue;
    else if (field.value === "") continue;
    // What is no number is sent as it was written, and refused: as JSON, NaN would be null.
    else if (field.dataset.type === "number") put(body, field.name, Number.isNaN(Number(field.value)) ? field.value : Number(field.value));
    else if (field.dataset.type === "json") put(body, field.name, JSON.parse(field.value));
    else put(body, field.name, field.value);
  }
  return body;
}

// crypto.randomUUID is only there over TLS or on this machine.
const key = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");

export async function send(method, path, body) {
  const answer = await fetch(path, {
    method,
    headers: { "Content-Type": "application/json", "Idempotency-Key": key() },
    body: method === "GET" || method === "DELETE" ? undefined : JSON.stringify(body),
  });
  const text = await answer.text();
  const found = text ? JSON.parse(text) : null;
  if (!answer.ok) throw new Error(found?.detail ?? `The service answered ${answer.status}.`);
  return found;
}

function refuse(form, words) {
  const alert = form.querySelector("[role=alert]");
  if (alert) {
    alert.textContent = words;
    alert.hidden = false;
  } else say(words);
}

// A section that was refused: why, in the words of the page that it would have been.
document.addEventListener("htmx:response:error", ({ detail }) => {
  const problem = new DOMParser().parseFromString(detail.ctx.text, "text/html").querySelector("p.problem");
  say(problem?.textContent ?? `The service answered ${detail.ctx.response.status}.`);
});

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.dataset.api) return;
  event.preventDefault();
  if (form.dataset.sure && !confirm(form.dataset.sure)) return;
  // News may make this form another one before the answer is here.
  const { done, go, reset } = form.dataset;
  const pressed = event.submitter;
  const buttons = [...form.querySelectorAll("button:enabled")];
  const alert = form.querySelector("[role=alert]");
  if (alert) alert.hidden = true;
  for (const button of buttons) button.disabled = true;
  try {
    const answer = await send(form.dataset.method || "POST", form.dataset.api, bodyOf(form));
    if (reset !== undefined) form.reset();
    form.dispatchEvent(new CustomEvent("caviar:done", { bubbles: true, detail: answer }));
    if (go) {
      location.assign(go.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(answer[name])));
      return;
    }
    say(done || "Done.");
    news();
  } catch (wrong) {
    refuse(form, wrong instanceof TypeError ? "The service does not answer. Nothing was changed that you know of: try again." : wrong.message);
  } finally {
    for (const button of buttons) button.disabled = false;
    // A button that is disabled loses the focus, and the keyboard its place.
    if (document.activeElement === document.body) pressed?.focus({ preventScroll: true });
  }
});

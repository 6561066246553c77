// Shows a secret that an answer has, this once: <form data-once="FIELD"> followed by <div class="once" hidden>.
// It is in this page alone, and gone with it: in no storage and no address.

function part(tag, values) {
  return Object.assign(document.createElement(tag), values);
}

document.addEventListener("caviar:done", (event) => {
  const form = event.target;
  const secret = form.dataset?.once && event.detail?.[form.dataset.once];
  const place = form.nextElementSibling;
  if (!secret || !place?.classList.contains("once")) return;
  const words = place.dataset.words;
  const field = part("input", { readOnly: true, value: secret, autocomplete: "off", spellcheck: false });
  field.setAttribute("aria-label", words);
  field.addEventListener("focus", () => field.select());
  const copy = part("button", { type: "button", textContent: "Copy" });
  copy.addEventListener("click", async () => {
    field.focus();
    // Over plain HTTP there is no clipboard for scripts: it is selected, and the keys do it.
    try {
      await navigator.clipboard.writeText(secret);
      copy.textContent = "Copied";
    } catch {
      copy.textContent = "Selected: press Ctrl+C";
    }
  });
  const hide = part("button", { type: "button", textContent: "I have it", className: "quiet" });
  hide.addEventListener("click", () => {
    place.replaceChildren();
    place.hidden = true;
  });
  const row = part("div", { className: "row" });
  row.append(field, copy, hide);
  place.replaceChildren(part("p", { textContent: `${words}. It is shown this once: copy it now.` }), row);
  place.hidden = false;
  form.reset();
  field.focus();
});

// The page of a new study: its text stays in this tab, files are dropped into it, and it is checked as it is written.

const PAUSE_MS = 350;
const KEPT = "caviar.new";
const form = document.getElementById("study");

function start() {
  const text = form.elements.text;
  const numbers = form.querySelector(".numbers");
  const editor = form.querySelector(".editor");
  const checked = document.getElementById("checked");
  const refused = form.querySelector("[role=alert]");
  let pause = null;
  let asked = 0;

  function say(words) {
    refused.textContent = words;
    refused.hidden = !words;
  }

  function number(wrong = new Set()) {
    const lines = text.value.split("\n").length;
    numbers.replaceChildren(
      ...Array.from({ length: lines }, (_, index) => {
        const line = Object.assign(document.createElement("span"), { textContent: String(index + 1) });
        if (wrong.has(index + 1)) line.className = "wrong";
        return line;
      }),
    );
    numbers.scrollTop = text.scrollTop;
  }

  function keep() {
    try {
      sessionStorage.setItem(KEPT, JSON.stringify({ text: text.value, filename: form.elements.filename.value }));
    } catch {
      document.getElementById("kept").textContent = "This browser keeps nothing of it: do not reload.";
    }
  }

  async function check() {
    const mine = ++asked;
    try {
      const answer = await fetch("/new/check", {
        method: "POST",
        headers: { "HX-Request": "true" },
        body: new URLSearchParams([...new FormData(form), ["team", JSON.parse(form.dataset.body).team]]),
      });
      if (answer.headers.has("HX-Refresh")) location.reload();
      const html = await answer.text();
      if (mine !== asked) return;
      if (!answer.ok && !html.trim().startsWith("<p")) throw new Error(`the service answered ${answer.status}`);
      checked.replaceChildren(...new DOMParser().parseFromString(html, "text/html").body.childNodes);
      number(new Set([...checked.querySelectorAll("[data-line]")].map((each) => Number(each.dataset.line))));
    } catch (wrong) {
      if (mine !== asked) return;
      const words = wrong instanceof TypeError ? "the service does not answer" : wrong.message;
      checked.replaceChildren(
        Object.assign(document.createElement("p"), { className: "warning", textContent: `It cannot be checked now: ${words}. What you wrote is kept.` }),
      );
      pause = setTimeout(check, 3000);
    }
  }

  function changed() {
    number();
    keep();
    say("");
    clearTimeout(pause);
    pause = setTimeout(check, PAUSE_MS);
  }

  async function open(file) {
    if (!file) return;
    if (file.size > Number(form.dataset.most)) {
      say(`${file.name} has ${Math.ceil(file.size / 1024)} KB; a study file has at most ${form.dataset.most / 1024}.`);
      return;
    }
    if (text.value.trim() && !confirm(`Put ${file.name} in place of what is written?`)) return;
    text.value = await file.text();
    form.elements.filename.value = file.name.slice(0, 255);
    changed();
    text.focus();
  }

  text.addEventListener("input", changed);
  text.addEventListener("scroll", () => (numbers.scrollTop = text.scrollTop));
  form.elements.bundle.addEventListener("change", check);
  document.getElementById("file").addEventListener("change", (event) => {
    open(event.target.files[0]);
    event.target.value = "";
  });
  document.getElementById("example").addEventListener("click", (event) => {
    if (text.value.trim() && !confirm("Put the example in place of what is written?")) return;
    text.value = event.target.dataset.text;
    changed();
    text.focus();
    text.setSelectionRange(0, 0);
  });
  for (const kind of ["dragenter", "dragover"]) {
    editor.addEventListener(kind, (event) => {
      event.preventDefault();
      editor.classList.add("over");
    });
  }
  for (const kind of ["dragleave", "drop"]) editor.addEventListener(kind, () => editor.classList.remove("over"));
  editor.addEventListener("drop", (event) => {
    event.preventDefault();
    open(event.dataTransfer.files[0]);
  });
  checked.addEventListener("click", (event) => {
    const line = Number(event.target.closest("[data-line]")?.dataset.line);
    if (!line) return;
    const lines = text.value.split("\n");
    const at = lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0);
    text.focus();
    text.setSelectionRange(at, at + (lines[line - 1] ?? "").length);
    text.scrollTop = Math.max(0, (line - 5) * (text.scrollHeight / lines.length));
  });
  form.addEventListener("caviar:done", () => sessionStorage.removeItem(KEPT));

  const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
  if (kept) {
    text.value = kept.text;
    form.elements.filename.value = kept.filename;
  }
  number();
  check();
}

if (form?.dataset.most) start();
